//! What a text must be to name somebody or something: a line of bounded length.

/// The longest line that is kept, in characters; of subjects, OIDC Core section 2 says so.
pub(crate) const LONGEST: usize = 255;

/// Whether `text` is neither empty nor too long, and has no control characters.
pub(crate) fn is_line(text: &str) -> bool {
    // Counting is left to the rare text that has more bytes than characters are allowed, and telling control characters in all of Unicode
    // to those that are not plain ASCII, which is seen many octets at a time.
    let is_short = text.len() <= LONGEST || text.chars().nth(LONGEST).is_none();
    let is_plain = text.bytes().fold(true, |is_plain, octet| is_plain & matches!(octet, b' '..=b'~'));
    !text.is_empty() && is_short && (is_plain || !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_from_one_to_255_characters() {
        for (text, expected) in [
            ("".into(), false),
            ("a".into(), true),
            ("é".repeat(255), true),
            ("é".repeat(256), false),
            ("a".repeat(256), false),
        ] {
            assert_eq!(is_line(&text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_control_character_is_let_through(text in "[\\x00-\\x20~\\x7f-\\xa0a-z]{1,40}") {
            prop_assert_eq!(is_line(&text), !text.chars().any(char::is_control));
        }
    }
}
