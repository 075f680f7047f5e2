//! `OTEL_`: where traces go. What else of OpenTelemetry's variables there is (headers, samplers, batches) its SDK reads itself.

use url::Url;

use super::environment::RawOtel;
use super::faults::Faults;

/// Below a collector's address, where it takes traces (OTLP/HTTP).
const TRACES_PATH: &str = "v1/traces";
const SERVICE_NAME: &str = "portcullis";

/// Where traces go, and as whose.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "nothing exports traces in this build"))]
pub(crate) struct TraceConfig {
    /// The very address that spans are posted to.
    pub(crate) endpoint: Url,
    pub(crate) service_name: String,
}

impl TraceConfig {
    /// `Some(None)` where no traces are wanted.
    pub(super) fn parse(raw: RawOtel, faults: &mut Faults) -> Option<Option<Self>> {
        let endpoint = faults.parse(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            raw.exporter_otlp_endpoint,
            None,
            "the http or https URL of an OTLP collector, without user, query and fragment, such as http://127.0.0.1:4318",
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
    fn traces_go_to_their_place_below_the_collectors_address() {
        for (address, place) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(parsed(address).unwrap().unwrap().endpoint.as_str(), place);
        }
        for wrong in ["collector:4318", "http://user:marked@collector", "grpc://collector:4317"] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
