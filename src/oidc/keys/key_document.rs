//! A published key set (RFC 7517 section 5), parsed entry by entry: one bad key does not affect the others.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::jose::Algorithm;
use crate::jose::jwk::{self, Inadmissible, KeyEntry, VerificationKey};
use crate::jose::unique_json::{Name, StrictValue};

const MAX_KEYS: usize = 100;

/// The usable keys of a key set document.
#[derive(Debug)]
pub(crate) struct KeyDocument {
    /// At least one.
    pub(crate) keys: Vec<Arc<VerificationKey>>,
    /// The number of skipped entries, by reason.
    pub(crate) skipped: BTreeMap<Inadmissible, usize>,
}

/// The reason why a document has no usable keys. The texts are for the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("it is not a JSON object with an array `keys`")]
    NotAKeySet,
    #[error("it contains more than {MAX_KEYS} keys")]
    TooManyKeys,
    #[error("it contains no usable key ({}){}", Reasons(.0), advice(.0))]
    NoUsableKey(BTreeMap<Inadmissible, usize>),
}

/// The remedy if all entries were skipped for the same reason, else an empty text.
fn advice(skipped: &BTreeMap<Inadmissible, usize>) -> &'static str {
    match skipped.keys().next() {
        Some(Inadmissible::AlgorithmNotAllowed) if skipped.len() == 1 => {
            ": add the issuer's signature algorithm to `algorithms`"
        }
        Some(Inadmissible::NotForSignatures) if skipped.len() == 1 => ": publish keys for signatures",
        _ => "",
    }
}

/// Formats reasons and counts as `bad-key-id: 1, small-order: 2`.
pub(crate) struct Reasons<'a>(pub(crate) &'a BTreeMap<Inadmissible, usize>);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("`keys` is empty");
        }
        for (index, (reason, count)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}: {count}", reason.code())?;
        }
        Ok(())
    }
}

impl KeyDocument {
    /// Parses the usable keys of `document`, each for the algorithms in `allowed`. Fails if there are none.
    pub(crate) fn parse(document: &str, allowed: &[Algorithm]) -> Result<Self, DocumentError> {
        let entries = read_entries(document).ok_or(DocumentError::NotAKeySet)?;
        if entries.len() > MAX_KEYS {
            return Err(DocumentError::TooManyKeys);
        }
        let (mut keys, mut skipped) = (Vec::new(), BTreeMap::new());
        for entry in &entries {
            match jwk::admit(entry, allowed) {
                Ok(admitted) => keys.extend(admitted),
                Err(reason) => *skipped.entry(reason).or_default() += 1,
            }
        }
        if keys.is_empty() { Err(DocumentError::NoUsableKey(skipped)) } else { Ok(Self { keys, skipped }) }
    }
}

/// Returns whether `document` is a key set with a key for one of the algorithms in `allowed`.
pub fn has_usable_key(document: &str, allowed: &[Algorithm]) -> bool {
    KeyDocument::parse(document, allowed).is_ok()
}

fn read_entries(document: &str) -> Option<Vec<KeyEntry<'_>>> {
    let mut deserializer = serde_json::Deserializer::from_str(document);
    let entries = deserializer.deserialize_map(SetVisitor).ok()?;
    deserializer.end().ok()?;
    Some(entries)
}

/// Reads the outer object and keeps only its member `keys`.
struct SetVisitor;

impl<'de> Visitor<'de> for SetVisitor {
    type Value = Vec<KeyEntry<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeSet::new();
        let mut keys = None;
        while let Some(name) = members.next_key_seed(Name)? {
            if name == "keys" {
                keys = Some(members.next_value_seed(Entries)?);
            } else {
                members.next_value_seed(StrictValue::new(&Cell::new(false)))?;
            }
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        keys.ok_or_else(|| A::Error::missing_field("keys"))
    }
}

struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<KeyEntry<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<KeyEntry<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        loop {
            let duplicates = Cell::new(false);
            let Some(value) = elements.next_element_seed(StrictValue::new(&duplicates))? else { return Ok(entries) };
            entries.push(KeyEntry { value, has_duplicates: duplicates.get() });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::testing::SigningKey;

    fn parse(document: &str) -> Result<KeyDocument, DocumentError> {
        KeyDocument::parse(document, &Algorithm::DEFAULTS)
    }

    fn key(key_id: &str) -> Value {
        SigningKey::generate(Algorithm::Es256, key_id).public_jwk()
    }

    #[test]
    fn bad_entries_are_skipped_and_the_others_are_used() {
        let document = json!({ "keys": [1, null, { "kty": "oct", "k": "AA" }, { "kty": "new" }, key("a"), {}, key("b")], "more": {} });
        let parsed = parse(&document.to_string()).unwrap();
        let ids: Vec<_> = parsed.keys.iter().filter_map(|key| key.key_id.as_deref()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(Reasons(&parsed.skipped).to_string(), "not-an-object: 2, private-member: 1, unknown-key-type: 2");
    }

    #[test]
    fn duplicate_member_rejects_its_own_entry_only() {
        let good = key("good").to_string();
        let twice = good.replacen('{', r#"{"kid":"x","#, 1);
        let deep = good.replacen('{', r#"{"x":[{"a":1,"a":1}],"#, 1);
        let parsed = parse(&format!(r#"{{"keys":[{twice},{good},{deep}]}}"#)).unwrap();
        assert_eq!(parsed.keys.len(), 1);
        assert_eq!(parsed.skipped, BTreeMap::from([(Inadmissible::DuplicateMember, 2)]));
    }

    #[test]
    fn document_that_is_not_a_key_set_is_rejected() {
        let good = key("a").to_string();
        let twice = format!(r#"{{"keys":[{good}],"keys":[{good}]}}"#);
        let trailing = format!(r#"{{"keys":[{good}]}} {{}}"#);
        for document in
            ["", "{}", "[]", "null", "<html>", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[}"#, &twice, &trailing]
        {
            assert_eq!(parse(document).unwrap_err(), DocumentError::NotAKeySet, "{document}");
        }
    }

    #[test]
    fn set_without_a_usable_key_is_rejected_with_the_reasons() {
        assert_eq!(parse(r#"{"keys":[]}"#).unwrap_err().to_string(), "it contains no usable key (`keys` is empty)");
        let error = parse(r#"{"keys":[{"kty":"RSA"},{"kty":"oct","k":"AA"}]}"#).unwrap_err();
        assert_eq!(error.to_string(), "it contains no usable key (private-member: 1, malformed-material: 1)");
    }

    #[test]
    fn set_with_more_than_a_hundred_keys_is_rejected() {
        let keys = |count| json!({ "keys": vec![key("a"); count] }).to_string();
        assert!(parse(&keys(MAX_KEYS)).is_ok());
        assert_eq!(parse(&keys(MAX_KEYS + 1)).unwrap_err(), DocumentError::TooManyKeys);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!(r#"{{"keys":[{text}]}}"#));
        }

        #[test]
        fn arbitrary_key_material_does_not_panic(kty in "RSA|EC|OKP", crv in "P-256|P-521|Ed25519|x", n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}") {
            let entry = json!({ "kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e });
            let _ = parse(&json!({ "keys": [entry] }).to_string());
        }
    }
}
