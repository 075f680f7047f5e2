//! Logs and traces, and the rules for their content.
//!
//! No token, secret, cookie, e-mail address or claim value is logged at any level:
//!
//! - a request is logged with its id, its method and the *pattern* of its route, never with the path or the query, which may hold a token;
//! - a panic is logged with its location only, since the message may hold a value;
//! - events of libraries that repeat their input are dropped;
//! - a verified token is logged as the principal's id, the client and the issuer's short name, which is enough to investigate an incident.

mod connection_errors;
mod filter;
mod json_lines;
mod line_writer;
mod parent;
mod redaction;
mod request;
mod targets;
#[cfg(feature = "otel")]
mod traces;

pub(crate) use connection_errors::connection_errors;
pub(crate) use line_writer::dropped_lines;
pub(crate) use parent::TraceParent;
pub(crate) use request::{record_response, request_span};
pub(crate) use targets::ACCESS;

use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, LogConfig, LogFormat};
use json_lines::{JsonLines, JsonMembers};
use line_writer::LineWriter;
use redaction::Redacted;

/// Starts logging to standard output, as the command line does, and exporting traces if configured. For programs that start the
/// application themselves. Does nothing if a global subscriber is already installed.
pub fn init_telemetry(config: &Config) -> LogGuard {
    start(config);
    LogGuard(())
}

/// Flushes the log and the traces when it is dropped.
#[must_use = "dropping the guard flushes the log, so keep it until the end"]
#[derive(Debug)]
pub struct LogGuard(());

impl Drop for LogGuard {
    fn drop(&mut self) {
        finish();
    }
}

/// As [`init_telemetry`], for the command line, which calls [`finish`] at its end.
pub(crate) fn start(config: &Config) {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
        line_writer::flush();
    }));
    match start_with_traces(config) {
        Ok(true) => {}
        Ok(false) => start_without_traces(&config.log),
        Err(cause) => {
            start_without_traces(&config.log);
            tracing::warn!(%cause, "failed to start exporting traces");
        }
    }
}

/// Exports the remaining traces and flushes the log.
pub(crate) fn finish() {
    #[cfg(feature = "otel")]
    traces::finish();
    line_writer::flush();
}

/// Starts logging without a layer, which costs less per request.
fn start_without_traces(config: &LogConfig) {
    // The filter around the subscriber sets the level.
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(LineWriter::start());
    // Fails only if a subscriber is installed.
    let _ = match config.format {
        LogFormat::Json => {
            let subscriber =
                subscriber.fmt_fields(JsonMembers).event_format(Redacted::new(JsonLines, &config.level)).finish();
            filter::start(subscriber, &config.level)
        }
        LogFormat::Pretty => {
            let subscriber = subscriber.map_event_format(|format| Redacted::new(format, &config.level)).finish();
            filter::start(subscriber, &config.level)
        }
    };
}

/// Why traces could not be started.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Starts logging and tracing if traces are configured. Returns whether it did.
#[cfg(feature = "otel")]
fn start_with_traces(config: &Config) -> Result<bool, Cause> {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{EnvFilter, Layer};

    let Some(traces) = &config.traces else { return Ok(false) };
    let traces = traces::layer(traces)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(LineWriter::start());
    let lines = match config.log.format {
        LogFormat::Json => {
            lines.fmt_fields(JsonMembers).event_format(Redacted::new(JsonLines, &config.log.level)).boxed()
        }
        LogFormat::Pretty => lines.map_event_format(|format| Redacted::new(format, &config.log.level)).boxed(),
    };
    let lines = lines.with_filter(EnvFilter::new(&config.log.level));
    // Fails only if a subscriber is installed.
    let _ = tracing_subscriber::registry().with(lines).with(traces).try_init();
    Ok(true)
}

#[cfg(not(feature = "otel"))]
fn start_with_traces(config: &Config) -> Result<bool, Cause> {
    if config.traces.is_some() {
        return Err("OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build lacks the feature `otel`".into());
    }
    Ok(false)
}
