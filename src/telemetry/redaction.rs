//! Filters the log events of libraries.
//!
//! Events of libraries that repeat their input are dropped at every level, whatever the filter allows. The HTTP library logs errors that
//! any client can cause with a few bytes (a malformed head, a broken connection). Such events are counted, and written only if `LOG_LEVEL`
//! enables debug for that library, so that no client can flood the log or trigger an alert on errors.

use std::fmt;
use std::str::FromStr;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::connection_errors::ConnectionError;

/// Modules that log a malformed path or a header field, by library.
const LEAKY_TARGETS: [(&str, &str); 3] =
    [("actix_http", "h1::decoder"), ("actix_web", "extract"), ("actix_web", "types")];

/// The target of connection errors.
const CONNECTIONS: &str = "actix_http::h1::dispatcher";

/// Formats events with another formatter, except the events of such libraries.
pub(super) struct Redacted<F> {
    next: F,
    logs_connection_errors: bool,
}

impl<F> Redacted<F> {
    /// Wraps `next`. `level` is the log filter.
    pub(super) fn new(next: F, level: &str) -> Self {
        let is_enabled = |targets: Targets| targets.would_enable(CONNECTIONS, &Level::DEBUG);
        Self { next, logs_connection_errors: Targets::from_str(level).is_ok_and(is_enabled) }
    }
}

impl<S, N, F> FormatEvent<S, N> for Redacted<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // Events from the `log` crate carry their target in a field.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        if is_leaky(metadata.target()) {
            return Ok(());
        }
        if let Some(error) = connection_error(metadata, event) {
            error.count();
            if !self.logs_connection_errors {
                return Ok(());
            }
        }
        self.next.format_event(context, writer, event)
    }
}

/// The level of the written line: debug for connection errors, otherwise that of the event.
pub(super) fn level(metadata: &Metadata<'_>, event: &Event<'_>) -> Level {
    connection_error(metadata, event).map_or(*metadata.level(), |_| Level::DEBUG)
}

fn connection_error(metadata: &Metadata<'_>, event: &Event<'_>) -> Option<ConnectionError> {
    if *metadata.level() != Level::ERROR || metadata.target() != CONNECTIONS {
        return None;
    }
    let mut message = Message(String::new());
    event.record(&mut message);
    ConnectionError::from_message(&message.0)
}

/// The message of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

fn is_leaky(target: &str) -> bool {
    let matches = |(library, module): &(&str, &str)| {
        let within = target.strip_prefix(library).and_then(|rest| rest.strip_prefix("::"));
        within.is_some_and(|within| within.starts_with(module))
    };
    LEAKY_TARGETS.iter().any(matches)
}
