//! A strict JSON parser for tokens: no repeated member at any depth, nothing after the value, bounded nesting.
//!
//! If two parsers read one text differently, a token can be forged (RFC 8725 section 3.7 and RFC 7519 section 4), so ambiguous text is
//! refused.
//!
//! Values borrow from the text: a new token is parsed once, and most of its content is not kept.

mod parser;

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Number;

use crate::redacted::redact_debug;

pub(crate) use parser::{Name, StrictValue, parse_object};

/// The maximum nesting depth of arrays and objects.
const MAX_DEPTH: u8 = 16;

/// Up to this many names are compared in pairs, with [`Buckets`] as a filter; more are sorted.
const FEW_NAMES: usize = 24;

/// A value. Its `Debug` prints no content: it may be a claim.
#[derive(Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// An object with linear lookup: the objects of a token have few members.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

redact_debug!(Json<'a>, Object<'a>);

impl<'a> Json<'a> {
    /// The string, if the value is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if the value is one.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    /// The elements, if the value is a list.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    /// The object, if the value is one.
    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The member with this name, if the value is an object, or the element with this index, if it is a list (RFC 6901 section 4).
    pub(crate) fn step(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(name),
            // No leading zeros.
            Self::List(elements) => {
                elements.get(name.parse::<usize>().ok().filter(|number| number.to_string() == name)?)
            }
            _ => None,
        }
    }

    fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(number),
            Self::Text(text) => Json::Text(owned(text)),
            Self::List(elements) => Json::List(elements.into_iter().map(Self::into_owned).collect()),
            Self::Object(object) => Json::Object(object.into_owned()),
        }
    }
}

impl<'a> Object<'a> {
    /// The member with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Whether a member has this name.
    pub(crate) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Removes the member with this name.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Json<'a>> {
        let index = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(index).1)
    }

    /// The names of the members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Adds the members of `other`, replacing those with the same name.
    pub(crate) fn extend(&mut self, other: &Object<'a>) {
        self.0.retain(|(name, _)| !other.contains_key(name));
        self.0.extend(other.0.iter().cloned());
    }

    /// A copy that does not borrow from the parsed text.
    pub(crate) fn into_owned(self) -> Object<'static> {
        Object(self.0.into_iter().map(|(name, value)| (owned(name), value.into_owned())).collect())
    }

    /// Whether a name is repeated.
    fn has_duplicate_name(&self) -> bool {
        if self.0.len() <= FEW_NAMES {
            let mut buckets = Buckets(0);
            let repeated = |(at, name)| !buckets.insert(name) && self.names().take(at).any(|before| before == name);
            return self.names().enumerate().any(repeated);
        }
        let mut names: Vec<_> = self.names().collect();
        names.sort_unstable();
        !names.is_sorted_by(|one, next| one < next)
    }
}

/// A bit set of hash buckets: most names are the first in their bucket and need no comparison with the others.
struct Buckets(u64);

impl Buckets {
    /// Adds the bucket of `name` and returns whether it is new.
    fn insert(&mut self, name: &str) -> bool {
        let mix = |sum: usize, octet: Option<&u8>| {
            sum.wrapping_mul(31).wrapping_add(octet.map_or(0, |octet| (*octet).into()))
        };
        let octets = name.as_bytes();
        let bucket = 1 << (mix(mix(octets.len(), octets.first()), octets.last()) % u64::BITS as usize);
        let is_new = self.0 & bucket == 0;
        self.0 |= bucket;
        is_new
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(elements) => serializer.collect_seq(elements),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Conversions from `serde_json` values.
#[cfg(any(test, feature = "dev"))]
mod conversions {
    use serde_json::{Map, Value};

    use super::{Cow, Json, Object};

    impl<'a> From<&'a Value> for Json<'a> {
        fn from(value: &'a Value) -> Self {
            match value {
                Value::Null => Self::Null,
                Value::Bool(value) => Self::Bool(*value),
                Value::Number(number) => Self::Number(number.clone()),
                Value::String(text) => Self::Text(Cow::Borrowed(text)),
                Value::Array(elements) => Self::List(elements.iter().map(Self::from).collect()),
                Value::Object(members) => Self::Object(members.into()),
            }
        }
    }

    impl<'a> From<&'a Map<String, Value>> for Object<'a> {
        fn from(members: &'a Map<String, Value>) -> Self {
            Self(members.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), value.into())).collect())
        }
    }

    #[cfg(test)]
    impl<'a> Object<'a> {
        /// The members of a value that is an object.
        pub(crate) fn of(value: &'a Value) -> Self {
            value.as_object().unwrap().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn valid_object_parses_as_with_serde_json() {
        let text = r#" {"a":[1,-2,1.5,"x\u00e9",true,null,{"b":{}}],"c":""} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text.as_bytes()), Some(Object::of(&expected)));
        assert_eq!(serde_json::to_value(Object::of(&expected)).unwrap(), expected);
    }

    #[test]
    fn repeated_member_is_rejected_at_every_depth() {
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[[{"a":1,"a":2}]]}"#]
        {
            assert_eq!(parse_object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn text_other_than_one_object_is_rejected() {
        for text in [
            "",
            "1",
            "[]",
            "\"{}\"",
            "null",
            "{} {}",
            "{},",
            "{}x",
            "{",
            "{\"a\":}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "\u{feff}{}",
        ] {
            assert_eq!(parse_object(text.as_bytes()), None, "{text}");
        }
        for text in
            [&b"{\"a\":\"\xff\"}"[..], b"{\"\xc3\x28\":1}", br#"{"a":"\ud800"}"#, br#"{"a":1e999}"#, br#"{"a":NaN}"#]
        {
            assert_eq!(parse_object(text), None);
        }
    }

    #[test]
    fn nesting_depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object(nested(usize::from(MAX_DEPTH) - 1).as_bytes()).is_some());
        assert_eq!(parse_object(nested(usize::from(MAX_DEPTH)).as_bytes()), None);
        assert_eq!(parse_object(nested(100_000).as_bytes()), None);
    }

    /// Names for an object: few and often repeated, or many and rarely repeated.
    fn names() -> impl Strategy<Value = Vec<String>> {
        prop_oneof![proptest::collection::vec("[a-d]{0,2}", 0..8), proptest::collection::vec("[a-z]{3,4}", 0..60)]
    }

    proptest! {
        #[test]
        fn object_is_accepted_exactly_if_its_names_differ(names in names()) {
            let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
            let differ = names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len();
            prop_assert_eq!(parse_object(format!("{{{}}}", members.join(",")).as_bytes()).is_some(), differ);
        }

        #[test]
        fn accepted_text_parses_as_with_serde_json(text in "[\\[\\]{}\":,a-c0-2 ]{0,24}") {
            if let Some(object) = parse_object(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::to_value(object).unwrap());
            }
        }
    }
}
