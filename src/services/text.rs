//! Validation of single-line texts and language tags.

use super::Failure;
use crate::text::name::{is_plain_line, normalized};

/// The reason for which [`line`] fails.
pub(super) const NO_LINE: &str = "must be 1 to 255 characters without control, invisible or unassigned characters";

/// Returns `text` trimmed and in NFC. Fails with [`Failure::Invalid`] for `field` if it is not a single line of visible characters.
pub(super) fn line(field: &'static str, text: &str) -> Result<String, Failure> {
    let text = normalized(text.trim());
    if is_plain_line(&text) { Ok(text.into_owned()) } else { Err(Failure::Invalid { field, reason: NO_LINE }) }
}

/// As [`line`], for an optional text.
pub(super) fn optional_line(field: &'static str, text: Option<String>) -> Result<Option<String>, Failure> {
    text.map(|text| line(field, &text)).transpose()
}

/// Whether `text` has the shape of a BCP 47 language tag (RFC 5646 section 2.1): words of letters and digits, separated by hyphens.
pub(super) fn is_language_tag(text: &str) -> bool {
    text.len() <= 35
        && text
            .split('-')
            .all(|word| (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
