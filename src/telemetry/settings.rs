//! What the log and the traces are set to. The configuration parses these.

use url::Url;

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// For programs: one JSON object per line.
    Json,
}

/// Log level and log format.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    /// A validated filter directive.
    pub(crate) level: String,
}

/// The endpoint of the collector and the service name in traces.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "traces are not exported in this build"))]
pub(crate) struct TraceConfig {
    /// The full URL that spans are posted to.
    pub(crate) endpoint: Url,
    pub(crate) service_name: String,
}
