//! Unreadable input: converts Actix's extractor errors into problems.
//!
//! Parser messages repeat parts of the request. Only the expected type and the position are kept from them.

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig};
use serde_json::error::Category;

use super::Error;
use super::body_time::is_too_slow;

/// Returns the configuration for JSON bodies of at most `limit` bytes.
pub(crate) fn json_config(limit: usize) -> JsonConfig {
    JsonConfig::default().limit(limit).error_handler(move |error, _| json_error(error, limit).into())
}

/// Returns the configuration for other bodies of at most `limit` bytes.
pub(crate) fn body_config(limit: usize) -> PayloadConfig {
    PayloadConfig::new(limit)
}

/// Returns the configuration for path parameters.
pub(crate) fn path_config() -> PathConfig {
    let sentence = "A path parameter has the wrong format.";
    PathConfig::default().error_handler(move |_, _| Error::InvalidParameter(sentence.to_owned()).into())
}

/// Returns the configuration for query parameters.
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
        _ => Error::InvalidBody("The request body ended early or could not be read.".to_owned()),
    }
}

fn json_sentence(error: &serde_json::Error) -> String {
    let at = format!("at line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => format!("The request body is not well-formed JSON {at}."),
        Category::Data => match expectation(&error.to_string()) {
            Some(expectation) => format!("The request body is invalid {at}: {expectation}."),
            None => format!("The request body is invalid {at}."),
        },
    }
}

fn query_sentence(error: &QueryPayloadError) -> String {
    match expectation(&error.to_string()) {
        Some(expectation) => format!("The query is invalid: {expectation}."),
        None => "The query is invalid.".to_owned(),
    }
}

/// Returns the part of serde's message that describes the expected type: the text after the *last* "expected", or the name of the missing
/// member. Request content precedes that part, so content that imitates the message is removed too.
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
    fn json_error_names_the_expectation_and_the_position() {
        assert_eq!(sentence(r#"{"name": 5}"#), "The request body is invalid at line 1, column 10: expected a string.");
        assert!(sentence("{}").ends_with("`name` is missing."));
        assert!(sentence("{").starts_with("The request body is not well-formed JSON at line 1"));
    }

    #[test]
    fn json_error_repeats_nothing_from_the_request() {
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
