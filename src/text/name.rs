//! Rules for names: a single line of bounded length, without characters that make it look like another.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// The longest name, in characters. For subjects, OIDC Core section 2 sets this limit.
pub(crate) const LONGEST: usize = 255;

/// Whether `text` is neither empty nor too long, and has no control characters.
pub(crate) fn is_line(text: &str) -> bool {
    // Fast paths: characters are counted only if there are more bytes than allowed characters, and Unicode control characters are looked
    // for only if the text is not printable ASCII, a test that compiles to vector instructions.
    let is_short = text.len() <= LONGEST || text.chars().nth(LONGEST).is_none();
    let is_plain = text.bytes().fold(true, |is_plain, octet| is_plain & matches!(octet, b' '..=b'~'));
    !text.is_empty() && is_short && (is_plain || !text.chars().any(char::is_control))
}

/// Whether `text` is a line without hidden characters, which could make it look like another.
pub(crate) fn is_plain_line(text: &str) -> bool {
    is_line(text) && (text.is_ascii() || !super::hidden::characters(text).any(|(_, is_hidden)| is_hidden))
}

/// The text in Unicode normalization form NFC: `e` followed by a combining accent becomes `é`.
pub(crate) fn normalized(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfc().normalize(text) }
}

/// The text without its hidden characters, [normalized]: for values that the user cannot correct and send again.
pub(crate) fn cleaned(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !super::hidden::characters(text).any(|(_, is_hidden)| is_hidden) {
        return normalized(text);
    }
    let shown: String = super::hidden::characters(text).filter(|(_, is_hidden)| !is_hidden).map(|(c, _)| c).collect();
    Cow::Owned(normalized(&shown).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_has_from_one_to_255_characters() {
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

    #[test]
    fn text_with_hidden_characters_is_not_a_plain_line() {
        for text in [
            "alice\u{202e}nimda",
            "al\u{200b}ice",
            "alice\u{feff}",
            "\u{2066}alice\u{2069}",
            "a\u{ad}lice",
            "alice\u{e0041}",
            "alice\u{e000}",
            "alice\u{378}",
            "alice\u{2028}bob",
            "alice\u{2029}",
            // Joiners with nothing to join.
            "al\u{200d}ice",
            "al\u{200c}ice",
            "\u{200d}alice",
            "\u{645}\u{6cc}\u{200c}",
            "\u{200c}\u{645}\u{6cc}",
            "\u{645}\u{200c}\u{200c}\u{645}",
            "\u{1f469}\u{200c}\u{1f680}",
        ] {
            assert!(is_line(text) && !is_plain_line(text), "{text:?}");
            assert!(is_plain_line(&cleaned(text)), "{text:?} became {:?}", cleaned(text));
        }
    }

    #[test]
    fn names_in_many_scripts_are_plain_lines() {
        for text in [
            "Zoë Müller",
            "Nguyễn Thị Bích",
            "Ελένη Παπαδοπούλου",
            "Анна Ковалёва",
            "山田 太郎",
            "שָׁלוֹם כהן",
            // "I want" in Persian, with its non-joiner.
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "ශ්\u{200d}රී",
            "D'Arcy-O’Neill, Jr. №1",
            "\u{1f469}\u{1f3fd}\u{200d}\u{1f680} Ann",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        ] {
            assert!(is_plain_line(text), "{text:?}");
            assert_eq!(cleaned(text), text);
        }
    }

    #[test]
    fn equivalent_spellings_normalize_to_one() {
        assert_eq!(normalized("Zoe\u{308}"), "Zo\u{eb}");
        assert_eq!(cleaned("Zoe\u{308}\u{200b}"), "Zo\u{eb}");
        assert!(matches!(normalized("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = cleaned(&text).into_owned();
            prop_assert_eq!(cleaned(&once), once.as_str());
        }

        #[test]
        fn line_with_a_control_character_is_rejected(text in "[\\x00-\\x20~\\x7f-\\xa0a-z]{1,40}") {
            prop_assert_eq!(is_line(&text), !text.chars().any(char::is_control));
        }
    }
}
