//! Search terms of a user: case-folded names, user name and e-mail address, and the range of terms for a prefix.

use std::collections::BTreeMap;

use super::Principal;
use super::fold::fold;
use crate::redacted::redact_debug;

/// The search terms of a principal, each with a flag: whether it is the whole e-mail address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SearchTerms(pub BTreeMap<String, bool>);

redact_debug!(SearchTerms);

impl SearchTerms {
    /// Returns the search terms of `principal`: each whole name, and the display name from the start of each word.
    pub fn of(principal: &Principal) -> Self {
        let mut terms = BTreeMap::new();
        let names = [&principal.given_name, &principal.family_name, &principal.username].into_iter().flatten();
        let names = names.map(|name| fold(name)).chain(word_starts(&principal.display_name_ci));
        terms.extend(names.filter(|term| !term.is_empty()).map(|term| (term, false)));
        terms.extend(principal.email.as_deref().map(|email| (fold(email), true)));
        Self(terms)
    }
}

/// Returns the rest of the name from each word on: `ann lee king`, `lee king`, `king`.
fn word_starts(name: &str) -> impl Iterator<Item = String> + '_ {
    let starts = name.char_indices().filter(|(at, c)| {
        !c.is_whitespace()
            && name.get(..*at).is_some_and(|before| before.chars().next_back().is_none_or(char::is_whitespace))
    });
    starts.filter_map(|(at, _)| name.get(at..).map(str::to_owned))
}

/// The byte range of all texts that start with a prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct TermRange {
    /// The inclusive lower bound: the prefix itself.
    pub from: String,
    /// The exclusive upper bound; `None` if there is none.
    pub below: Option<String>,
}

redact_debug!(TermRange);

impl TermRange {
    /// Returns the range of folded texts that start with the folded `prefix`.
    pub fn of_prefix(prefix: &str) -> Self {
        let from = fold(prefix);
        // UTF-8 sorts by code point, so replacing the last code point by its successor gives the upper bound.
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

/// Returns the character after `c`, skipping the surrogates.
fn next_char(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::{Moment, Origin, PrincipalKind, PrincipalStatus, ProfileField};

    #[test]
    fn search_terms_cover_each_word_of_the_name_and_every_account_name() {
        let now = Moment::from(chrono::DateTime::UNIX_EPOCH);
        let mut user = Principal::new(PrincipalKind::Human, PrincipalStatus::Active, Origin::Manual, now);
        user.set_profile_field(ProfileField::DisplayName, Some("Ann  Lee KING".into()));
        user.username = Some("Aking".into());
        user.email = Some("AKing@example.test".into());
        let terms: Vec<_> = SearchTerms::of(&user).0.into_iter().collect();
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
    fn prefix_range_ends_before_the_next_character() {
        assert_eq!(TermRange::of_prefix("AB").below.as_deref(), Some("ac"));
        assert_eq!(TermRange::of_prefix("a\u{d7ff}").below.as_deref(), Some("a\u{e000}"));
        assert_eq!(TermRange::of_prefix("a\u{10ffff}").below.as_deref(), Some("b"));
        assert_eq!(TermRange::of_prefix("\u{10ffff}").below, None);
    }

    proptest! {
        #[test]
        fn text_is_in_range_exactly_if_it_starts_with_the_prefix(prefix in "\\PC{1,3}", text in "\\PC{0,6}") {
            let range = TermRange::of_prefix(&prefix);
            for text in [text.clone(), format!("{}{text}", range.from)] {
                let is_in = text >= range.from && range.below.as_ref().is_none_or(|below| text < *below);
                prop_assert_eq!(is_in, text.starts_with(&range.from), "{:?}", text);
            }
        }
    }
}
