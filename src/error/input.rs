//! Input that can't be read: Actix's own refusals in our words.
//!
//! What the parsers say repeats what was sent; of their sentences only the part that speaks of us (what was expected, and where) is kept.

use actix_web::error::{JsonPayloadError, PayloadError, QueryPayloadError};
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig};
use serde_json::error::Category;

use super::Error;

/// How JSON bodies of at most `limit` bytes are read.
pub(crate) fn json_config(limit: usize) -> JsonConfig {
    JsonConfig::default().limit(limit).error_handler(move |error, _| json_error(error, limit).into())
}

/// How other bodies of at most `limit` bytes are read.
pub(crate) fn body_config(limit: usize) -> PayloadConfig {
    PayloadConfig::new(limit)
}

/// Whether a body did not come in time, as [`app`](crate::app) tells the reader of it.
pub(super) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// How path segments are read.
pub(crate) fn path_config() -> PathConfig {
    let sentence = "A part of the path is not what this operation takes.";
    PathConfig::default().error_handler(move |_, _| Error::InvalidParameter(sentence.to_owned()).into())
}

/// How the query is read.
pub(crate) fn query_config() -> QueryConfig {
    QueryConfig::default()
        .error_handler(|error: QueryPayloadError, _| Error::InvalidParameter(query_sentence(&error)).into())
}

fn json_error(error: JsonPayloadError, limit: usize) -> Error {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            Error::BodyTooLarge { limit: Some(limit) }
        }
        JsonPayloadError::Payload(error) if is_too_slow(&error) => Error::BodyTooSlow,
        JsonPayloadError::ContentType => Error::UnsupportedMediaType("application/json"),
        JsonPayloadError::Deserialize(error) => Error::InvalidBody(json_sentence(&error)),
        _ => Error::InvalidBody("The body ended early or could not be read.".to_owned()),
    }
}

fn json_sentence(error: &serde_json::Error) -> String {
    let at = format!("at line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => format!("The body is not well-formed JSON {at}."),
        Category::Data => match expectation(&error.to_string()) {
            Some(expectation) => format!("The body is not what this operation takes {at}: {expectation}."),
            None => format!("The body is not what this operation takes {at}."),
        },
    }
}

fn query_sentence(error: &QueryPayloadError) -> String {
    match expectation(&error.to_string()) {
        Some(expectation) => format!("The query is not what this operation takes: {expectation}."),
        None => "The query is not what this operation takes.".to_owned(),
    }
}

/// The part of serde's sentence that speaks of our types: what follows the *last* "expected", or a missing member's name. What was
/// sent comes before it, so even a text that imitates the sentence is cut off.
fn expectation(sentence: &str) -> Option<String> {
    let sentence = sentence.rsplit_once(" at line ").map_or(sentence, |(before, _)| before);
    if let Some((_, name)) = sentence.rsplit_once("missing field ") {
        return (!name.contains(' ')).then(|| format!("{name} is missing"));
    }
    sentence.rsplit_once(", expected ").map(|(_, expected)| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "read by serde")]
        name: String,
    }

    fn sentence(json: &str) -> String {
        json_sentence(&serde_json::from_str::<Body>(json).unwrap_err())
    }

    #[test]
    fn the_caller_learns_what_is_expected_and_where() {
        assert_eq!(
            sentence(r#"{"name": 5}"#),
            "The body is not what this operation takes at line 1, column 10: expected a string."
        );
        assert!(sentence("{}").ends_with("`name` is missing."));
        assert!(sentence("{").starts_with("The body is not well-formed JSON at line 1"));
    }

    #[test]
    fn nothing_that_was_sent_is_repeated() {
        for json in [
            r#"{"marked": 1}"#,
            r#"{"name": {"marked": 1}}"#,
            r#"[["marked"]]"#,
            r#""marked""#,
            r#"{"a, expected marked": 1}"#,
            r#"{"missing field marked": 1}"#,
            r#"{"missing field `marked`": 1}"#,
        ] {
            assert!(!sentence(json).contains("marked"), "{}", sentence(json));
        }
    }
}
