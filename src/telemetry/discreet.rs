//! Libraries that repeat what they were sent are not heard, at any level and whatever the filter says.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Who repeats a path that could not be read, or a header field, by library and module.
const INDISCREET: [(&str, &str); 3] = [("actix_http", "h1::decoder"), ("actix_web", "extract"), ("actix_web", "types")];

/// Writes what the other writes, but for what such libraries say.
pub(super) struct Discreet<F>(pub(super) F);

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
        if is_indiscreet(metadata.target()) { Ok(()) } else { self.0.format_event(context, writer, event) }
    }
}

fn is_indiscreet(target: &str) -> bool {
    let is_of = |(library, module): &(&str, &str)| {
        let within = target.strip_prefix(library).and_then(|rest| rest.strip_prefix("::"));
        within.is_some_and(|within| within.starts_with(module))
    };
    INDISCREET.iter().any(is_of)
}
