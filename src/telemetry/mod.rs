//! Logs and traces: who writes them, and what may be in them.
//!
//! The rule: no token, secret, cookie, e-mail or claim value reaches a log at any level. So a request is told by its id, its method and the
//! *pattern* of its route (never the path or the query, which a careless client may have put a token into), and a panic by its place,
//! since its message may hold a value, and libraries that repeat what they were sent are not heard at all. Of a proved token the log
//! tells the principal's id, the client and the issuer's short name, which is what it takes to follow up on an incident.

mod connection_errors;
mod filter;
mod json_lines;
mod line_writer;
mod parent;
mod redaction;
#[cfg(feature = "otel")]
mod traces;

pub(crate) use connection_errors::connection_errors;
pub(crate) use line_writer::dropped_lines;
pub(crate) use parent::TraceParent;

use tracing::Span;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, LogConfig, LogFormat};
use filter::RequestSpans;
use json_lines::{JsonLines, JsonMembers};
use line_writer::LineWriter;
use redaction::Discreet;

/// The target of the line that tells of each request; `LOG_LEVEL=info,portcullis::access=off` turns it off.
pub(crate) const ACCESS: &str = "portcullis::access";

/// The target of the span around each request.
pub(crate) const REQUEST: &str = "portcullis::request";

/// Starts logging to standard output as the command line does, and exporting traces where that is configured, for whoever starts the
/// application by code. A subscriber that is set already stays: the process has decided.
pub fn init_telemetry(config: &Config) -> LogGuard {
    start(config);
    LogGuard(())
}

/// The log that was started. When this goes, what was logged so far is written out.
#[must_use = "what is logged last is written when this goes"]
#[derive(Debug)]
pub struct LogGuard(());

impl Drop for LogGuard {
    fn drop(&mut self) {
        finish();
    }
}

/// As [`init_telemetry`], for the command line, which [finishes](finish) at its end.
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
            tracing::warn!(%cause, "no traces are exported");
        }
    }
}

/// Writes out what was logged, and hands on what was traced.
pub(crate) fn finish() {
    #[cfg(feature = "otel")]
    traces::finish();
    line_writer::flush();
}

/// The same as with a layer, and cheaper for each request.
fn start_without_traces(config: &LogConfig) {
    // What is logged is for the filter around it to say.
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(LineWriter::start());
    // Fails only where a subscriber is set.
    let _ = match config.format {
        LogFormat::Json => {
            let subscriber =
                subscriber.fmt_fields(JsonMembers).event_format(Discreet::new(JsonLines, &config.level)).finish();
            filter::start(subscriber, &config.level, RequestSpans::WhereNamed)
        }
        LogFormat::Pretty => {
            let subscriber = subscriber.map_event_format(|format| Discreet::new(format, &config.level)).finish();
            filter::start(subscriber, &config.level, RequestSpans::Always)
        }
    };
}

/// Why there are no traces.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Whether anybody wants traces, and gets them.
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
            lines.fmt_fields(JsonMembers).event_format(Discreet::new(JsonLines, &config.log.level)).boxed()
        }
        LogFormat::Pretty => lines.map_event_format(|format| Discreet::new(format, &config.log.level)).boxed(),
    };
    let lines = lines.with_filter(EnvFilter::new(&config.log.level));
    // Fails only where a subscriber is set.
    let _ = tracing_subscriber::registry().with(lines).with(traces).try_init();
    Ok(true)
}

#[cfg(not(feature = "otel"))]
fn start_with_traces(config: &Config) -> Result<bool, Cause> {
    if config.traces.is_some() {
        return Err("OTEL_EXPORTER_OTLP_ENDPOINT is set, and this build lacks the feature `otel`".into());
    }
    Ok(false)
}

/// Puts a request's span below the one that its sender names, where traces are exported. Before the span is entered.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "nothing exports traces in this build"))]
pub(crate) fn continue_trace(span: &Span, parent: &TraceParent<'_>) {
    #[cfg(feature = "otel")]
    traces::continue_trace(span, parent);
}

/// Tells a request's span how it ended, where traces are exported. `route` and `method` are of closed sets.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "nothing exports traces in this build"))]
pub(crate) fn answered(span: &Span, method: &'static str, route: &str, status: u16) {
    #[cfg(feature = "otel")]
    traces::answered(span, method, route, status);
}
