//! Metrics in Prometheus' text format, each explained in `docs/operating.md`.
//!
//! What the rooms count themselves is read when somebody asks; only requests are observed here. Labels are of closed sets: registered
//! paths, short names from the configuration, words of this program. Nothing that a client sends becomes one.

mod readings;
mod requests;

pub(super) use readings::{CacheReading, Readings};
pub(super) use requests::RequestMetrics;

use prometheus::{Registry, TextEncoder};

/// All metrics of one service.
pub(super) struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
}

impl Metrics {
    /// The metrics of requests, and what `readings` reads.
    pub(super) fn new(readings: Readings) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = RequestMetrics::new(&registry)?;
        registry.register(Box::new(readings))?;
        Ok(Self { registry, requests })
    }

    pub(super) fn requests(&self) -> RequestMetrics {
        self.requests.clone()
    }

    /// How everything stands, as text.
    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
