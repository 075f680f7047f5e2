//! Exports traces by OTLP over HTTP, to the configured collector only.
//!
//! A request is one span with child spans: `verify`, `resolve`, `database` and `handler`. Spans have only the attributes set here, and no
//! log events, so traces hold no more sensitive data than the log.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::parent::TraceParent;
use super::settings::TraceConfig;

/// Why traces could not be started.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The timeout of an export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of the last export at shutdown.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Starts to export spans to the collector.
pub(super) fn tracer(config: &TraceConfig) -> Result<SdkTracer, Cause> {
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let exporter = ServerSpans(exporter(config)?);
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    Ok(PROVIDER.get_or_init(|| provider).tracer("portcullis"))
}

/// Returns the layer that records spans.
pub(super) fn layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // Only spans of this crate: events carry log texts, and spans of libraries carry unknown data.
    layer.with_filter(filter_fn(|metadata| metadata.is_span() && is_own_target(metadata.target())))
}

fn is_own_target(target: &str) -> bool {
    target.split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

fn exporter(config: &TraceConfig) -> Result<SpanExporter, Cause> {
    // Created on a separate thread: the blocking client must not be created inside an async runtime.
    let client = std::thread::spawn(|| {
        reqwest::blocking::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(EXPORT_TIMEOUT)
            .build()
    });
    let client = client.join().map_err(|_| "failed to create the HTTP client for the trace collector")??;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(config.endpoint.as_str())
        .with_timeout(EXPORT_TIMEOUT);
    Ok(exporter.build()?)
}

/// Exports the remaining spans and shuts the exporter down.
pub(super) fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // A failure cannot be reported any more: the process is ending.
        let _ = provider.shutdown_with_timeout(LAST_EXPORT_TIMEOUT);
    }
}

/// Makes `parent`, from the request, the parent of the request's span.
pub(super) fn continue_trace(span: &Span, parent: &TraceParent<'_>) {
    if PROVIDER.get().is_none() {
        return;
    }
    let ids =
        (TraceId::from_hex(parent.trace_id), SpanId::from_hex(parent.span_id), u8::from_str_radix(parent.flags, 16));
    if let (Ok(trace), Ok(span_id), Ok(flags)) = ids {
        let context = SpanContext::new(trace, span_id, TraceFlags::new(flags), true, TraceState::default());
        // Fails only if the span is not exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(context));
    }
}

/// Records the response on the span of its request. `route` and `method` are from closed sets.
pub(super) fn record_response(span: &Span, method: &'static str, route: &str, status: u16) {
    if PROVIDER.get().is_none() {
        return;
    }
    span.context().span().update_name(format!("{method} {route}"));
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// Gives the spans of requests the kind `SERVER`, which can only be set on export.
#[derive(Debug)]
struct ServerSpans<E>(E);

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for ServerSpans<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        for span in &mut batch {
            let is_request = span.attributes.iter().any(|attribute| attribute.key.as_str() == "http.route");
            if is_request {
                span.span_kind = SpanKind::Server;
            }
        }
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
