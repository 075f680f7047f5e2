//! One flat JSON object per line: time, level, target, message, the fields of the event and of its spans.
//!
//! The JSON format of `tracing-subscriber` builds a tree and formats the time for each line. That costs more than the rest of a request,
//! which is too much for a line per request.

use std::cell::RefCell;
use std::fmt::{self, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::redaction;

/// Formats the fields of a span as further members of a JSON object, each with a comma before it.
pub(super) struct JsonMembers;

impl<'writer> FormatFields<'writer> for JsonMembers {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        // Formatted into a reused buffer first, so that the span allocates its text once and in full length.
        let mut text = SPAN_FIELDS.take();
        text.clear();
        let mut members = Members { writer: &mut text, outcome: Ok(()) };
        fields.record(&mut members);
        let outcome = members.outcome.and_then(|()| writer.write_str(&text));
        SPAN_FIELDS.set(text);
        outcome
    }
}

/// Formats events.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonMembers> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonMembers>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Events from the `log` crate carry their level and target in fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        writer.write_str("{\"timestamp\":\"")?;
        write_time(&mut writer, Utc::now())?;
        write!(writer, "\",\"level\":\"{}\",\"target\":", redaction::level(metadata, event))?;
        write_text(&mut writer, metadata.target())?;
        let mut members = Members { writer: &mut writer, outcome: Ok(()) };
        event.record(&mut members);
        members.outcome?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(members) = span.extensions().get::<FormattedFields<JsonMembers>>() {
                writer.write_str(&members.fields)?;
            }
        }
        writer.write_str("}\n")
    }
}

thread_local! {
    /// The buffer for the fields of a new span.
    static SPAN_FIELDS: RefCell<String> = const { RefCell::new(String::new()) };
    /// The second of the last line, and its text.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

fn write_time(writer: &mut impl Write, now: DateTime<Utc>) -> fmt::Result {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.timestamp() {
            *second = now.timestamp();
            text.clear();
            let (date, time) = (now.date_naive(), now.time());
            write!(text, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
            write!(text, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        }
        write!(writer, "{text}.{:06}Z", now.timestamp_subsec_micros().min(999_999))
    })
}

/// Writes a JSON string. Line breaks and terminal control characters are escaped.
fn write_text(writer: &mut impl Write, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    // Most texts need no escaping; this check is vectorized.
    if is_plain(text) {
        writer.write_str(text)?;
        return writer.write_char('"');
    }
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_control()) {
        let (plain, special) = rest.split_at(at);
        writer.write_str(plain)?;
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => writer.write_str("\\\"")?,
            Some('\\') => writer.write_str("\\\\")?,
            Some(other) => write!(writer, "\\u{:04x}", u32::from(other))?,
            None => {}
        }
        rest = characters.as_str();
    }
    writer.write_str(rest)?;
    writer.write_char('"')
}

/// Whether the text is printable ASCII without characters to escape.
fn is_plain(text: &str) -> bool {
    let is_special = |octet: u8| !(b' '..0x7f).contains(&octet) | (octet == b'"') | (octet == b'\\');
    !text.bytes().fold(false, |is_any, octet| is_any | is_special(octet))
}

struct Members<'a, W> {
    writer: &'a mut W,
    outcome: fmt::Result,
}

impl<W: Write> Members<'_, W> {
    fn member(&mut self, field: &Field, write_value: impl FnOnce(&mut W) -> fmt::Result) {
        if self.outcome.is_err() || field.name().starts_with("log.") {
            return;
        }
        let name = [",\"", field.name(), "\":"].into_iter().try_for_each(|part| self.writer.write_str(part));
        self.outcome = name.and_then(|()| write_value(self.writer));
    }
}

impl<W: Write> Visit for Members<'_, W> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| write_text(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |writer| write_text(writer, &format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use serde_json::Value;

    use super::*;

    #[test]
    fn any_text_becomes_a_json_string_on_one_line() {
        for text in ["", "plain", "a \"quoted\" \\ word", "two\nlines\r\n", "\u{1b}[31m\u{0}\u{7f}\u{9b}", "é – 漢"]
        {
            let mut written = String::new();
            write_text(&mut written, text).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), text);
            assert!(!written.contains(char::is_control), "{written:?}");
        }
    }

    #[test]
    fn time_has_microseconds() {
        let at = |second, micros: i64| {
            let mut written = String::new();
            let time = Utc.with_ymd_and_hms(2030, 1, 2, 3, 4, second).unwrap();
            write_time(&mut written, time + chrono::TimeDelta::microseconds(micros)).unwrap();
            written
        };
        assert_eq!(at(5, 7), "2030-01-02T03:04:05.000007Z");
        assert_eq!(at(5, 123_456), "2030-01-02T03:04:05.123456Z");
        assert_eq!(at(6, 0), "2030-01-02T03:04:06.000000Z");
    }
}
