//! The duration of requests, by route, method and status.
//!
//! Each worker has its own histograms, which it finds without a lock. They are summed at scrape time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::Error as ActixError;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use futures_util::FutureExt;
use prometheus::core::Collector;
use prometheus::proto::{self, MetricFamily, MetricType};
use prometheus::{Histogram, HistogramOpts};

use super::families::{family, labelled};
use crate::routing::RoutePattern;

/// The upper bounds of the buckets, in seconds.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const NAME: &str = "portcullis_http_request_duration_seconds";
const HELP: &str = "Duration of requests, by route pattern, method and status.";

/// The method of a request whose method is not one of the standard ones.
pub(crate) const OTHER_METHOD: &str = "other";

/// Returns the method's name, or [`OTHER_METHOD`], so that the values are a closed set.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER_METHOD,
    }
}

/// The labels of a request, all from closed sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RequestLabels {
    /// `None` if no route has the path, or if the response does not come from a route.
    route: Option<RoutePattern>,
    method: &'static str,
    status: u16,
}

impl RequestLabels {
    fn new<B>(method: &'static str, outcome: &Result<ServiceResponse<B>, ActixError>) -> Self {
        match outcome {
            Ok(response) => {
                Self { route: response.request().app_data().cloned(), method, status: response.status().as_u16() }
            }
            // The error does not carry the request.
            Err(error) => Self { route: None, method, status: error.as_response_error().status_code().as_u16() },
        }
    }

    /// The value of the label `route`.
    fn route(&self) -> &str {
        self.route.as_ref().map_or(RoutePattern::UNKNOWN, RoutePattern::as_str)
    }
}

/// Counts the requests of one worker. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RequestMetrics(Rc<Worker>);

struct Worker {
    known: RefCell<BTreeMap<RequestLabels, Option<Histogram>>>,
    all: Requests,
}

impl RequestMetrics {
    pub(crate) fn new(all: Requests) -> Self {
        Self(Rc::new(Worker { known: RefCell::default(), all }))
    }

    /// The middleware: records the duration of `request`, for `App::wrap_fn`. It allocates nothing per request.
    pub(crate) fn measure<S, B>(
        &self,
        request: ServiceRequest,
        next: &S,
    ) -> impl Future<Output = Result<ServiceResponse<B>, ActixError>> + use<S, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    {
        let (started, method, metrics) = (Instant::now(), method_label(request.method()), self.clone());
        next.call(request).map(move |outcome| {
            metrics.observe(RequestLabels::new(method, &outcome), started.elapsed());
            outcome
        })
    }

    fn observe(&self, labels: RequestLabels, duration: Duration) {
        let mut known = self.0.known.borrow_mut();
        let histogram = known.entry(labels).or_insert_with_key(|labels| self.0.all.add(labels));
        if let Some(histogram) = histogram {
            histogram.observe(duration.as_secs_f64());
        }
    }
}

/// The histograms of all workers.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<Series>>>);

/// The histogram of one worker for one set of labels.
struct Series {
    labels: [String; 3],
    histogram: Histogram,
}

impl Requests {
    fn add(&self, labels: &RequestLabels) -> Option<Histogram> {
        // Fails only if the buckets are not in order.
        let histogram = Histogram::with_opts(HistogramOpts::new(NAME, HELP).buckets(BUCKETS.to_vec())).ok()?;
        let labels = [labels.route().to_owned(), labels.method.to_owned(), labels.status.to_string()];
        self.all().push(Series { labels, histogram: histogram.clone() });
        Some(histogram)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sum over all workers.
    pub(crate) fn family(&self) -> MetricFamily {
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
        family(NAME, HELP, MetricType::HISTOGRAM, sums.into_iter().map(metric).collect())
    }
}

/// Adds the histogram of another worker, which has the same buckets.
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
    fn histograms_of_all_workers_are_summed() {
        let requests = Requests::default();
        let workers = [RequestMetrics::new(requests.clone()), RequestMetrics::new(requests.clone())];
        let labels = |status| RequestLabels { route: None, method: "GET", status };
        for worker in &workers {
            worker.observe(labels(200), Duration::from_micros(100));
            worker.observe(labels(200), Duration::from_secs(60));
        }
        workers[0].observe(labels(404), Duration::from_secs(3));
        let family = requests.family();
        let [found, not_found] = family.get_metric() else { panic!("{family:?}") };
        let counts = |metric: &proto::Metric| -> Vec<u64> {
            metric.get_histogram().get_bucket().iter().map(proto::Bucket::cumulative_count).collect()
        };
        assert_eq!(counts(found), vec![2; BUCKETS.len()]);
        assert_eq!(found.get_histogram().get_sample_count(), 4);
        assert!((found.get_histogram().get_sample_sum() - 120.0002).abs() < 1e-9);
        assert_eq!(not_found.get_histogram().get_sample_count(), 1);
        assert_eq!(counts(not_found).iter().filter(|count| **count == 0).count(), 12, "3 s is in the last two buckets");
    }
}
