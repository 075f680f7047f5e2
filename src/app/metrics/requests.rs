//! Requests by route, method and status, with how long they took.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

/// From half a millisecond to ten seconds.
const BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counts requests. Cheap to clone.
#[derive(Clone)]
pub(in crate::app) struct RequestMetrics(Arc<HistogramVec>);

/// By route: the histogram of each method and status that was seen.
type Known = HashMap<String, Vec<((&'static str, u16), Histogram)>>;

thread_local! {
    /// The histograms that this worker has used, by the service that they belong to: finding one takes no lock that workers share.
    static KNOWN: RefCell<HashMap<usize, Known>> = RefCell::default();
}

impl RequestMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new(
            "portcullis_http_request_duration_seconds",
            "Requests by the pattern of their route, their method and the status of their answer, and how long they took.",
        );
        let histograms = HistogramVec::new(options.buckets(BUCKETS.to_vec()), &["route", "method", "status"])?;
        registry.register(Box::new(histograms.clone()))?;
        Ok(Self(Arc::new(histograms)))
    }

    /// Counts one request. `route` and `method` must be of closed sets.
    pub(in crate::app) fn observe(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let service = Arc::as_ptr(&self.0).addr();
        KNOWN.with_borrow_mut(|known| {
            let known = known.entry(service).or_default();
            if let Some(histogram) = find(known, route, method, status) {
                return histogram.observe(took.as_secs_f64());
            }
            let histogram = self.0.with_label_values(&[route, method, &status.to_string()]);
            histogram.observe(took.as_secs_f64());
            known.entry(route.to_owned()).or_default().push(((method, status), histogram));
        });
    }
}

fn find<'a>(known: &'a Known, route: &str, method: &'static str, status: u16) -> Option<&'a Histogram> {
    known.get(route)?.iter().find(|(key, _)| *key == (method, status)).map(|(_, histogram)| histogram)
}
