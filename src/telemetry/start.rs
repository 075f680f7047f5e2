//! Starts logging and tracing, and ends them.

#[cfg(not(feature = "otel"))]
use std::convert::Infallible;

#[cfg(feature = "otel")]
use opentelemetry_sdk::trace::SdkTracer;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::LevelFilter;
#[cfg(feature = "otel")]
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use super::filter;
use super::json_lines::{JsonLines, JsonMembers};
use super::output::Output;
use super::redaction::Redacted;
use super::settings::{LogConfig, LogFormat, TraceConfig};
#[cfg(feature = "otel")]
use super::traces::{self, tracer};

/// Writes the rest of the log and exports the remaining traces when it is dropped.
#[must_use = "dropping the guard ends the log, so keep it until the end"]
#[derive(Debug)]
pub struct LogGuard {
    /// Empty if another subscriber was installed already.
    workers: Vec<WorkerGuard>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        #[cfg(feature = "otel")]
        if !self.workers.is_empty() {
            traces::finish();
        }
        self.workers.clear();
    }
}

/// Starts logging to standard output, and exporting traces if `traces` is set. Does nothing if a global subscriber is already installed.
pub(crate) fn start(log: &LogConfig, traces: Option<&TraceConfig>) -> LogGuard {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
    let (output, workers) = Output::start();
    let (is_installed, failure) = match traces.map(tracer) {
        Some(Ok(tracer)) => (start_with_traces(log, output, tracer), None),
        Some(Err(cause)) => (start_without_traces(log, output), Some(cause)),
        None => (start_without_traces(log, output), None),
    };
    if let Some(cause) = failure {
        tracing::warn!(%cause, "failed to start exporting traces");
    }
    LogGuard { workers: if is_installed { workers.into() } else { Vec::new() } }
}

/// Starts logging without a layer, which costs less per request. Returns whether it did.
fn start_without_traces(log: &LogConfig, output: Output) -> bool {
    // The filter around the subscriber sets the level.
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(output);
    let started = match log.format {
        LogFormat::Json => {
            let subscriber = subscriber.fmt_fields(JsonMembers).event_format(Redacted::new(JsonLines, &log.level));
            filter::start(subscriber.finish(), &log.level)
        }
        LogFormat::Pretty => {
            let subscriber = subscriber.map_event_format(|format| Redacted::new(format, &log.level));
            filter::start(subscriber.finish(), &log.level)
        }
    };
    started.is_ok()
}

/// Starts logging, and exporting traces. Returns whether it did.
#[cfg(feature = "otel")]
fn start_with_traces(log: &LogConfig, output: Output, tracer: SdkTracer) -> bool {
    let lines = tracing_subscriber::fmt::layer().with_writer(output);
    let lines = match log.format {
        LogFormat::Json => lines.fmt_fields(JsonMembers).event_format(Redacted::new(JsonLines, &log.level)).boxed(),
        LogFormat::Pretty => lines.map_event_format(|format| Redacted::new(format, &log.level)).boxed(),
    };
    let lines = lines.with_filter(filter::by_directives(&log.level));
    tracing_subscriber::registry().with(lines).with(traces::layer(tracer)).try_init().is_ok()
}

#[cfg(not(feature = "otel"))]
fn tracer(_: &TraceConfig) -> Result<Infallible, &'static str> {
    Err("OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build lacks the feature `otel`")
}

#[cfg(not(feature = "otel"))]
fn start_with_traces(_: &LogConfig, _: Output, tracer: Infallible) -> bool {
    match tracer {}
}
