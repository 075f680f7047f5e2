//! A published key set (RFC 7517 section 5): read entry by entry, so that one bad key never takes the others along.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Algorithm;
use super::jwk::{self, Inadmissible, UnjudgedKey, VerificationKey};
use super::strict_json::{Name, StrictValue};

const MAX_KEYS: usize = 100;

/// What a key set document holds for us.
#[derive(Debug)]
pub(super) struct KeyDocument {
    /// At least one.
    pub(super) keys: Vec<Arc<VerificationKey>>,
    /// How many entries were passed over, by reason.
    pub(super) skipped: BTreeMap<Inadmissible, usize>,
}

/// Why a document gives no keys. The texts are for the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("it is not a JSON object with a list of `keys`")]
    NotAKeySet,
    #[error("it holds more than {MAX_KEYS} keys")]
    TooManyKeys,
    #[error("it holds no key that can be used ({}){}", Reasons(.0), advice(.0))]
    NoUsableKey(BTreeMap<Inadmissible, usize>),
}

/// What to do where one reason explains all.
fn advice(skipped: &BTreeMap<Inadmissible, usize>) -> &'static str {
    match skipped.keys().next() {
        Some(Inadmissible::AlgorithmNotAllowed) if skipped.len() == 1 => {
            ": allow the algorithm that the issuer signs with"
        }
        Some(Inadmissible::NotForSignatures) if skipped.len() == 1 => {
            ": the issuer has to publish keys for signatures there"
        }
        _ => "",
    }
}

/// Writes reasons and counts as `bad-key-id: 1, small-order: 2`.
pub(super) struct Reasons<'a>(pub(super) &'a BTreeMap<Inadmissible, usize>);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("it is empty");
        }
        for (index, (reason, count)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}: {count}", reason.code())?;
        }
        Ok(())
    }
}

impl KeyDocument {
    /// The usable keys of `document`, each for the algorithms in `allowed`. Fails unless there is at least one.
    pub(super) fn parse(document: &str, allowed: &[Algorithm]) -> Result<Self, DocumentError> {
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

/// Whether `document` is a key set with a key for one of the algorithms in `allowed`.
pub fn has_usable_key(document: &str, allowed: &[Algorithm]) -> bool {
    KeyDocument::parse(document, allowed).is_ok()
}

fn read_entries(document: &str) -> Option<Vec<UnjudgedKey<'_>>> {
    let mut deserializer = serde_json::Deserializer::from_str(document);
    let entries = deserializer.deserialize_map(SetVisitor).ok()?;
    deserializer.end().ok()?;
    Some(entries)
}

/// Reads the outer object, of which `keys` alone is kept.
struct SetVisitor;

impl<'de> Visitor<'de> for SetVisitor {
    type Value = Vec<UnjudgedKey<'de>>;

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
                return Err(A::Error::custom("a member comes twice"));
            }
        }
        keys.ok_or_else(|| A::Error::missing_field("keys"))
    }
}

struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<UnjudgedKey<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<UnjudgedKey<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        loop {
            let duplicates = Cell::new(false);
            let Some(value) = elements.next_element_seed(StrictValue::new(&duplicates))? else { return Ok(entries) };
            entries.push(UnjudgedKey { value, has_duplicates: duplicates.get() });
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
    fn one_bad_entry_leaves_the_others() {
        let document = json!({ "keys": [1, null, { "kty": "oct", "k": "AA" }, { "kty": "new" }, key("a"), {}, key("b")], "more": {} });
        let parsed = parse(&document.to_string()).unwrap();
        let ids: Vec<_> = parsed.keys.iter().filter_map(|key| key.key_id.as_deref()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(Reasons(&parsed.skipped).to_string(), "not-an-object: 2, private-member: 1, unknown-key-type: 2");
    }

    #[test]
    fn a_member_twice_spoils_its_own_entry_only() {
        let good = key("good").to_string();
        let twice = good.replacen('{', r#"{"kid":"x","#, 1);
        let deep = good.replacen('{', r#"{"x":[{"a":1,"a":1}],"#, 1);
        let parsed = parse(&format!(r#"{{"keys":[{twice},{good},{deep}]}}"#)).unwrap();
        assert_eq!(parsed.keys.len(), 1);
        assert_eq!(parsed.skipped, BTreeMap::from([(Inadmissible::DuplicateMember, 2)]));
    }

    #[test]
    fn what_is_no_key_set_is_refused_whole() {
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
    fn a_set_without_a_usable_key_is_refused_with_its_reasons() {
        assert_eq!(parse(r#"{"keys":[]}"#).unwrap_err().to_string(), "it holds no key that can be used (it is empty)");
        let error = parse(r#"{"keys":[{"kty":"RSA"},{"kty":"oct","k":"AA"}]}"#).unwrap_err();
        assert_eq!(error.to_string(), "it holds no key that can be used (private-member: 1, malformed-material: 1)");
    }

    #[test]
    fn a_hundred_keys_are_enough() {
        let keys = |count| json!({ "keys": vec![key("a"); count] }).to_string();
        assert!(parse(&keys(MAX_KEYS)).is_ok());
        assert_eq!(parse(&keys(MAX_KEYS + 1)).unwrap_err(), DocumentError::TooManyKeys);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!(r#"{{"keys":[{text}]}}"#));
        }

        #[test]
        fn no_material_makes_it_panic(kty in "RSA|EC|OKP", crv in "P-256|P-521|Ed25519|x", n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}") {
            let entry = json!({ "kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e });
            let _ = parse(&json!({ "keys": [entry] }).to_string());
        }
    }
}
