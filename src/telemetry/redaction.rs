//! What libraries say is told with care.
//!
//! Libraries that repeat what they were sent are not heard, at any level and whatever the filter says. The HTTP library reports at the level
//! of an error what every client can cause with a few bytes (a malformed head, a connection that breaks off); such lines are counted, and
//! written only where `LOG_LEVEL` asks for details of that library, so that nobody can flood the log or an alert on errors.

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

/// Who repeats a path that could not be read, or a header field, by library and module.
const LEAKY_TARGETS: [(&str, &str); 3] =
    [("actix_http", "h1::decoder"), ("actix_web", "extract"), ("actix_web", "types")];

/// What reports the errors of connections.
const CONNECTIONS: &str = "actix_http::h1::dispatcher";

/// Writes what the other writes, but for what such libraries say.
pub(super) struct Discreet<F> {
    next: F,
    tells_connection_errors: bool,
}

impl<F> Discreet<F> {
    /// In front of `next`, under a filter that lets pass what `level` names.
    pub(super) fn new(next: F, level: &str) -> Self {
        let asks = |targets: Targets| targets.would_enable(CONNECTIONS, &Level::DEBUG);
        Self { next, tells_connection_errors: Targets::from_str(level).is_ok_and(asks) }
    }
}

impl<S, N, F> FormatEvent<S, N> for Discreet<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // What comes by the `log` crate tells its target in a field.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        if is_indiscreet(metadata.target()) {
            return Ok(());
        }
        if let Some(error) = connection_error(metadata, event) {
            error.count();
            if !self.tells_connection_errors {
                return Ok(());
            }
        }
        self.next.format_event(context, writer, event)
    }
}

/// The level that a line is written with: no higher than its cause deserves.
pub(super) fn level(metadata: &Metadata<'_>, event: &Event<'_>) -> Level {
    connection_error(metadata, event).map_or(*metadata.level(), |_| Level::DEBUG)
}

fn connection_error(metadata: &Metadata<'_>, event: &Event<'_>) -> Option<ConnectionError> {
    if *metadata.level() != Level::ERROR || metadata.target() != CONNECTIONS {
        return None;
    }
    let mut message = Message(String::new());
    event.record(&mut message);
    ConnectionError::told_as(&message.0)
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

fn is_indiscreet(target: &str) -> bool {
    let is_of = |(library, module): &(&str, &str)| {
        let within = target.strip_prefix(library).and_then(|rest| rest.strip_prefix("::"));
        within.is_some_and(|within| within.starts_with(module))
    };
    LEAKY_TARGETS.iter().any(is_of)
}
