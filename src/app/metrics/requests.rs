//! Requests by route, method and status, and how long they took.
//!
//! Each worker counts for itself, in histograms that it finds without a lock and shares with nobody; they are added up when somebody asks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::{self, MetricFamily, MetricType};
use prometheus::{Histogram, HistogramOpts};

use super::families::{family, labelled};
use crate::auth::RoutePattern;

/// Seconds, from half a millisecond on.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const NAME: &str = "portcullis_http_request_duration_seconds";
const ABOUT: &str =
    "Requests by the pattern of their route, their method and the status of the answer, and how long they took.";

/// What is told of a request apart from its time: all of closed sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::app) struct RequestLabels {
    /// `None` where nobody registered the path, or what answered it was not the route.
    pub(in crate::app) route: Option<RoutePattern>,
    pub(in crate::app) method: &'static str,
    pub(in crate::app) status: u16,
}

impl RequestLabels {
    /// The route in one word.
    pub(in crate::app) fn route(&self) -> &str {
        self.route.as_ref().map_or(RoutePattern::UNKNOWN, RoutePattern::as_str)
    }
}

/// Counts the requests of one worker. Cheap to clone.
#[derive(Clone)]
pub(in crate::app) struct RequestMetrics(Rc<Worker>);

struct Worker {
    known: RefCell<BTreeMap<RequestLabels, Option<Histogram>>>,
    all: Requests,
}

impl RequestMetrics {
    pub(super) fn new(all: Requests) -> Self {
        Self(Rc::new(Worker { known: RefCell::default(), all }))
    }

    /// Counts one request.
    pub(in crate::app) fn observe(&self, seen: RequestLabels, took: Duration) {
        let mut known = self.0.known.borrow_mut();
        let histogram = known.entry(seen).or_insert_with_key(|seen| self.0.all.add(seen));
        if let Some(histogram) = histogram {
            histogram.observe(took.as_secs_f64());
        }
    }
}

/// The histograms of all workers.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Mutex<Vec<Series>>>);

/// What one worker has counted of one kind of request.
struct Series {
    labels: [String; 3],
    histogram: Histogram,
}

impl Requests {
    fn add(&self, seen: &RequestLabels) -> Option<Histogram> {
        // Fails only where the buckets are not in order.
        let histogram = Histogram::with_opts(HistogramOpts::new(NAME, ABOUT).buckets(BUCKETS.to_vec())).ok()?;
        let labels = [seen.route().to_owned(), seen.method.to_owned(), seen.status.to_string()];
        self.all().push(Series { labels, histogram: histogram.clone() });
        Some(histogram)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all workers have counted.
    pub(super) fn family(&self) -> MetricFamily {
        let mut sums: BTreeMap<[String; 3], proto::Histogram> = BTreeMap::new();
        for Series { labels, histogram } in &*self.all() {
            for metric in histogram.collect().iter().flat_map(MetricFamily::get_metric) {
                add(sums.entry(labels.clone()).or_default(), metric.get_histogram());
            }
        }
        let metric = |([route, method, status], sum): ([String; 3], proto::Histogram)| {
            let mut metric = labelled(vec![("route", route), ("method", method), ("status", status)]);
            metric.set_histogram(sum);
            metric
        };
        family(NAME, ABOUT, MetricType::HISTOGRAM, sums.into_iter().map(metric).collect())
    }
}

/// Adds what another worker has counted in the same buckets.
fn add(sum: &mut proto::Histogram, counted: &proto::Histogram) {
    let mut buckets = counted.get_bucket().to_vec();
    for (bucket, before) in buckets.iter_mut().zip(sum.get_bucket()) {
        bucket.set_cumulative_count(bucket.cumulative_count() + before.cumulative_count());
    }
    sum.set_bucket(buckets);
    sum.set_sample_count(sum.get_sample_count() + counted.get_sample_count());
    sum.set_sample_sum(sum.get_sample_sum() + counted.get_sample_sum());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_workers_have_counted_is_added_up() {
        let requests = Requests::default();
        let workers = [RequestMetrics::new(requests.clone()), RequestMetrics::new(requests.clone())];
        let seen = |status| RequestLabels { route: None, method: "GET", status };
        for worker in &workers {
            worker.observe(seen(200), Duration::from_micros(100));
            worker.observe(seen(200), Duration::from_secs(60));
        }
        workers[0].observe(seen(404), Duration::from_secs(3));
        let family = requests.family();
        let [good, lost] = family.get_metric() else { panic!("{family:?}") };
        let counts = |metric: &proto::Metric| -> Vec<u64> {
            metric.get_histogram().get_bucket().iter().map(proto::Bucket::cumulative_count).collect()
        };
        assert_eq!(counts(good), vec![2; BUCKETS.len()]);
        assert_eq!(good.get_histogram().get_sample_count(), 4);
        assert!((good.get_histogram().get_sample_sum() - 120.0002).abs() < 1e-9);
        assert_eq!(lost.get_histogram().get_sample_count(), 1);
        assert_eq!(counts(lost).iter().filter(|count| **count == 0).count(), 12, "more than 2.5 seconds, less than 5");
    }
}
