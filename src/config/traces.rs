//! `OTEL_`: the export of traces. OpenTelemetry's other variables (headers, samplers, batches) are read by its SDK.

use url::Url;

use super::section::{NONE, section, value};
use super::server::PublicUrl;
use super::value::Value;
use crate::telemetry::TraceConfig;

/// The path of the traces endpoint below the collector's address (OTLP/HTTP).
const TRACES_PATH: &str = "v1/traces";

section!("Traces", "OTEL_", TraceSection {
    /// The OTLP collector for traces, over HTTP, in a build with the feature `otel`. See [operating.md](operating.md#traces).
    exporter_otlp_endpoint: Collector => NONE, example "http://127.0.0.1:4318";
    /// The name of the service in traces.
    service_name: String => value("portcullis");
});

/// The endpoint for traces below the address of a collector.
pub(super) struct Collector(Url);

impl Value for Collector {
    const TYPE: &'static str = "URL";
    const RULE: &'static str = "the http or https URL of an OTLP collector, without user information, query and fragment, such as http://127.0.0.1:4318";

    fn parse(text: &str) -> Option<Self> {
        let PublicUrl(mut url) = PublicUrl::parse(text)?;
        let path = format!("{}/{TRACES_PATH}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(Self(url))
    }
}

impl TraceConfig {
    /// Returns `Some(None)` if traces are not exported, `None` if a setting is bad.
    pub(super) fn new(section: TraceSection) -> Option<Option<Self>> {
        let (endpoint, service_name) = (section.exporter_otlp_endpoint.optional()?, section.service_name.good()?);
        Some(endpoint.map(|Collector(endpoint)| Self { endpoint, service_name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_the_traces_path_below_the_collector_address() {
        for (address, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(Collector::parse(address).unwrap().0.as_str(), expected);
        }
        for wrong in ["collector:4318", "http://user:marked@collector", "grpc://collector:4317"] {
            assert!(Collector::parse(wrong).is_none(), "{wrong}");
        }
    }
}
