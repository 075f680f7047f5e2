//! What a person is found by: folded names, user name and e-mail address, and how a prefix becomes a range over them.
//!
//! Case is folded here and nowhere else, so that both databases, which compare by bytes, agree.

use std::collections::BTreeMap;

use super::Principal;
use crate::redacted::redact_debug;

/// The text with its case folded away.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// The terms of a principal, each with whether it is the whole e-mail address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SearchTerms(pub BTreeMap<String, bool>);

redact_debug!(SearchTerms);

impl SearchTerms {
    /// The terms that `principal` is found by: each name as a whole, and the display name from each of its words on.
    pub fn of(principal: &Principal) -> Self {
        let mut terms = BTreeMap::new();
        let names = [&principal.given_name, &principal.family_name, &principal.username].into_iter().flatten();
        let names = names.map(|name| fold(name)).chain(word_starts(&principal.display_name_ci));
        terms.extend(names.filter(|term| !term.is_empty()).map(|term| (term, false)));
        terms.extend(principal.email.as_deref().map(|email| (fold(email), true)));
        Self(terms)
    }
}

/// `ann lee king` as itself, `lee king` and `king`.
fn word_starts(name: &str) -> impl Iterator<Item = String> + '_ {
    let starts = name.char_indices().filter(|(at, c)| {
        !c.is_whitespace()
            && name.get(..*at).is_some_and(|before| before.chars().next_back().is_none_or(char::is_whitespace))
    });
    starts.filter_map(|(at, _)| name.get(at..).map(str::to_owned))
}

/// All texts that begin with a prefix, as a range over bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct TermRange {
    /// The first text of the range: the prefix itself.
    pub from: String,
    /// The first text after the range; `None` where nothing comes after.
    pub below: Option<String>,
}

redact_debug!(TermRange);

impl TermRange {
    /// The range of what begins with `prefix`, once both are folded.
    pub fn of_prefix(prefix: &str) -> Self {
        let from = fold(prefix);
        // UTF-8 sorts as its code points do, so the next code point bounds all that the last one begins.
        let mut kept: Vec<char> = from.chars().collect();
        let below = loop {
            match kept.pop() {
                None => break None,
                Some(last) => {
                    if let Some(next) = next_char(last) {
                        kept.push(next);
                        break Some(kept.into_iter().collect());
                    }
                }
            }
        };
        Self { from, below }
    }
}

/// The character after `c`, across the gap of the surrogates.
fn next_char(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::{Moment, Origin, PrincipalKind, PrincipalStatus, ProfileField};

    #[test]
    fn a_person_is_found_by_each_word_of_the_name_and_by_every_account_name() {
        let now = Moment::from(chrono::DateTime::UNIX_EPOCH);
        let mut person = Principal::new(PrincipalKind::Human, PrincipalStatus::Active, Origin::Manual, now);
        person.set_profile_field(ProfileField::DisplayName, Some("Ann  Lee KING".into()));
        person.username = Some("Aking".into());
        person.email = Some("AKing@example.test".into());
        let terms: Vec<_> = SearchTerms::of(&person).0.into_iter().collect();
        let expected = [
            ("aking", false),
            ("aking@example.test", true),
            ("ann  lee king", false),
            ("king", false),
            ("lee king", false),
        ];
        assert_eq!(terms, expected.map(|(term, is_email)| (term.to_owned(), is_email)));
    }

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        assert_eq!(TermRange::of_prefix("AB").below.as_deref(), Some("ac"));
        assert_eq!(TermRange::of_prefix("a\u{d7ff}").below.as_deref(), Some("a\u{e000}"));
        assert_eq!(TermRange::of_prefix("a\u{10ffff}").below.as_deref(), Some("b"));
        assert_eq!(TermRange::of_prefix("\u{10ffff}").below, None);
    }

    proptest! {
        #[test]
        fn a_text_is_in_the_range_exactly_if_it_begins_with_the_prefix(prefix in "\\PC{1,3}", text in "\\PC{0,6}") {
            let range = TermRange::of_prefix(&prefix);
            for text in [text.clone(), format!("{}{text}", range.from)] {
                let is_in = text >= range.from && range.below.as_ref().is_none_or(|below| text < *below);
                prop_assert_eq!(is_in, text.starts_with(&range.from), "{:?}", text);
            }
        }
    }
}
