//! `OTEL_`: the export of traces. OpenTelemetry's other variables (headers, samplers, batches) are read by its SDK.

use url::Url;

use super::environment::RawOtel;
use super::faults::Faults;
use crate::telemetry::TraceConfig;

/// The path of the traces endpoint below the collector's address (OTLP/HTTP).
const TRACES_PATH: &str = "v1/traces";
const SERVICE_NAME: &str = "portcullis";

impl TraceConfig {
    /// Returns `Some(None)` if traces are not exported, `None` if a fault was added.
    pub(super) fn parse(raw: RawOtel, faults: &mut Faults) -> Option<Option<Self>> {
        let endpoint = faults.parse(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            raw.exporter_otlp_endpoint,
            None,
            "the http or https URL of an OTLP collector, without user information, query and fragment, such as http://127.0.0.1:4318",
            |text| endpoint(text).map(Some),
        )?;
        let service_name = raw.service_name.unwrap_or_else(|| SERVICE_NAME.to_owned());
        Some(endpoint.map(|endpoint| Self { endpoint, service_name }))
    }
}

fn endpoint(text: &str) -> Option<Url> {
    let mut url = super::server::public_url(text)?;
    let path = format!("{}/{TRACES_PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Option<TraceConfig>> {
        let raw = RawOtel { exporter_otlp_endpoint: Some(text.to_owned()), ..RawOtel::default() };
        TraceConfig::parse(raw, &mut Faults::default())
    }

    #[test]
    fn endpoint_is_the_traces_path_below_the_collector_address() {
        for (address, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(parsed(address).unwrap().unwrap().endpoint.as_str(), expected);
        }
        for wrong in ["collector:4318", "http://user:marked@collector", "grpc://collector:4317"] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
