//! Traces by OTLP over HTTP, to the collector of the configuration and nobody else.
//!
//! A request is one span with its parts below it: `verify`, `resolve`, `database` and `handler`. Spans have the attributes that are given
//! here and no other; what is logged stays out of them, so the rule of the log holds for traces too.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::{Cause, TraceParent};
use crate::config::TraceConfig;

/// How long a collector may take to answer.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take when the program ends.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What hands spans on to the collector.
pub(super) fn layer<S>(config: &TraceConfig) -> Result<impl Layer<S>, Cause>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let exporter = OfServer(exporter(config)?);
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let tracer = PROVIDER.get_or_init(|| provider).tracer("portcullis");
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // Spans alone, and ours alone: an event would bring what it logs, a library's span whatever it holds.
    Ok(layer.with_filter(filter_fn(|metadata| metadata.is_span() && is_ours(metadata.target()))))
}

fn is_ours(target: &str) -> bool {
    target.split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

fn exporter(config: &TraceConfig) -> Result<SpanExporter, Cause> {
    // Made on a thread of its own, as it may not be made where something async runs.
    let client = std::thread::spawn(|| {
        reqwest::blocking::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(EXPORT_TIMEOUT)
            .build()
    });
    let client = client.join().map_err(|_| "the client for the collector could not be made")??;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(config.endpoint.as_str())
        .with_timeout(EXPORT_TIMEOUT);
    Ok(exporter.build()?)
}

/// Hands on all spans that have ended so far, and ends.
pub(super) fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // The collector has gone: there is nobody to tell.
        let _ = provider.shutdown_with_timeout(LAST_EXPORT_TIMEOUT);
    }
}

/// Puts a request's span below the one that its sender names.
pub(super) fn continue_trace(span: &Span, parent: &TraceParent<'_>) {
    if PROVIDER.get().is_none() {
        return;
    }
    let ids =
        (TraceId::from_hex(parent.trace_id), SpanId::from_hex(parent.span_id), u8::from_str_radix(parent.flags, 16));
    if let (Ok(trace), Ok(span_id), Ok(flags)) = ids {
        let context = SpanContext::new(trace, span_id, TraceFlags::new(flags), true, TraceState::default());
        // Fails only where the span is not exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(context));
    }
}

/// Tells a request's span how it ended. `route` and `method` are of closed sets.
pub(super) fn answered(span: &Span, method: &'static str, route: &str, status: u16) {
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

/// Marks the spans of requests as those of a server, which nothing can do before they end.
#[derive(Debug)]
struct OfServer<E>(E);

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for OfServer<E> {
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
