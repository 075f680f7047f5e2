//! JSON as a token must be written: no member twice at any depth, nothing after the value, no deeper than any honest document.
//!
//! Two parsers that read one text differently are a forger's tool (RFC 8725 section 3.7 and RFC 7519 section 4), so a text that
//! can be read in two ways is not read at all.
//!
//! What is read borrows from the text: a token never seen is read once, and most of what it says is not kept.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Number;

use crate::redacted::redact_debug;

/// How deep arrays and objects may nest.
const MAX_DEPTH: u8 = 16;

/// Up to so many names are compared each with those of its kind; more are sorted.
const FEW_NAMES: usize = 24;

/// A value. Its `Debug` prints nothing: it may be a claim.
#[derive(Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// An object, whose members are looked through in their order: those of a token are few.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

redact_debug!(Json<'a>, Object<'a>);

impl<'a> Json<'a> {
    /// The text, if it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    pub(super) fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    /// The elements, if it is a list.
    pub(super) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    /// The members, if it is an object.
    pub(super) fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The member of this name, if it is an object, or the element of this number, if it is a list (RFC 6901 section 4).
    pub(super) fn step(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(name),
            // One spelling a number.
            Self::List(elements) => {
                elements.get(name.parse::<usize>().ok().filter(|number| number.to_string() == name)?)
            }
            _ => None,
        }
    }

    fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(truth),
            Self::Number(number) => Json::Number(number),
            Self::Text(text) => Json::Text(owned(text)),
            Self::List(elements) => Json::List(elements.into_iter().map(Self::into_owned).collect()),
            Self::Object(object) => Json::Object(object.into_owned()),
        }
    }
}

impl<'a> Object<'a> {
    /// The member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Whether there is a member of this name.
    pub(super) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Takes the member of this name out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Json<'a>> {
        let place = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(place).1)
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Adds the members of `other`, in place of those of the same name.
    pub(super) fn extend(&mut self, other: &Object<'a>) {
        self.0.retain(|(name, _)| !other.contains_key(name));
        self.0.extend(other.0.iter().cloned());
    }

    /// The same, apart from the text that it was read from.
    pub(super) fn into_owned(self) -> Object<'static> {
        Object(self.0.into_iter().map(|(name, value)| (owned(name), value.into_owned())).collect())
    }

    /// Whether a name comes twice.
    fn has_twin(&self) -> bool {
        if self.0.len() <= FEW_NAMES {
            let mut kinds = Kinds(0);
            let twice = |(at, name)| !kinds.insert(name) && self.names().take(at).any(|before| before == name);
            return self.names().enumerate().any(twice);
        }
        let mut names: Vec<_> = self.names().collect();
        names.sort_unstable();
        !names.is_sorted_by(|one, next| one < next)
    }
}

/// Kinds of names: most names are the first of theirs, and need not be compared with the others.
struct Kinds(u64);

impl Kinds {
    /// Adds the kind of `name`. Whether it is new.
    fn insert(&mut self, name: &str) -> bool {
        let mix = |sum: usize, octet: Option<&u8>| {
            sum.wrapping_mul(31).wrapping_add(octet.map_or(0, |octet| (*octet).into()))
        };
        let octets = name.as_bytes();
        let kind = 1 << (mix(mix(octets.len(), octets.first()), octets.last()) % u64::BITS as usize);
        let is_new = self.0 & kind == 0;
        self.0 |= kind;
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
            Self::Bool(truth) => serializer.serialize_bool(*truth),
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

/// The object that `text` holds; `None` if it is anything but one strict JSON object.
pub(super) fn parse_object(text: &[u8]) -> Option<Object<'_>> {
    let duplicates = Cell::new(false);
    // Once for all, not again for each text in it.
    let mut deserializer = serde_json::Deserializer::from_str(str::from_utf8(text).ok()?);
    let value = StrictValue::new(&duplicates).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    match value {
        Json::Object(members) if !duplicates.get() => Some(members),
        _ => None,
    }
}

/// Reads one value and notes, instead of failing, that a member came twice: so one bad entry of a list can be told from the others.
#[derive(Clone, Copy)]
pub(super) struct StrictValue<'a> {
    depth_left: u8,
    duplicates: &'a Cell<bool>,
}

impl<'a> StrictValue<'a> {
    pub(super) fn new(duplicates: &'a Cell<bool>) -> Self {
        Self { depth_left: MAX_DEPTH, duplicates }
    }

    fn nested<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for StrictValue<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let nested = self.nested()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(nested)? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let nested = self.nested()?;
        // As many as a token has that says little; what is in it has fewer.
        let expected = if self.depth_left == MAX_DEPTH { 16 } else { 0 };
        let mut object = Object(Vec::with_capacity(expected));
        while let Some(name) = members.next_key_seed(Name)? {
            object.0.push((name, members.next_value_seed(nested)?));
        }
        if object.has_twin() {
            self.duplicates.set(true);
        }
        Ok(Json::Object(object))
    }
}

/// Reads the name of a member. (`Cow` by itself would own it.)
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Values that were made elsewhere.
#[cfg(any(test, feature = "dev"))]
mod made {
    use serde_json::{Map, Value};

    use super::{Cow, Json, Object};

    impl<'a> From<&'a Value> for Json<'a> {
        fn from(value: &'a Value) -> Self {
            match value {
                Value::Null => Self::Null,
                Value::Bool(truth) => Self::Bool(*truth),
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
        pub(in crate::oidc) fn of(value: &'a Value) -> Self {
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
    fn an_ordinary_object_reads_as_serde_json_reads_it() {
        let text = r#" {"a":[1,-2,1.5,"x\u00e9",true,null,{"b":{}}],"c":""} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text.as_bytes()), Some(Object::of(&expected)));
        assert_eq!(serde_json::to_value(Object::of(&expected)).unwrap(), expected);
    }

    #[test]
    fn a_member_that_comes_twice_spoils_the_text_at_every_depth() {
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[[{"a":1,"a":2}]]}"#]
        {
            assert_eq!(parse_object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whatever_is_not_one_object_is_refused() {
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
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object(nested(usize::from(MAX_DEPTH) - 1).as_bytes()).is_some());
        assert_eq!(parse_object(nested(usize::from(MAX_DEPTH)).as_bytes()), None);
        assert_eq!(parse_object(nested(100_000).as_bytes()), None);
    }

    /// Names for an object: few that are often the same, or many that seldom are.
    fn names() -> impl Strategy<Value = Vec<String>> {
        prop_oneof![proptest::collection::vec("[a-d]{0,2}", 0..8), proptest::collection::vec("[a-z]{3,4}", 0..60)]
    }

    proptest! {
        #[test]
        fn an_object_is_taken_if_its_names_differ_and_only_then(names in names()) {
            let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
            let differ = names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len();
            prop_assert_eq!(parse_object(format!("{{{}}}", members.join(",")).as_bytes()).is_some(), differ);
        }

        #[test]
        fn what_is_accepted_reads_as_serde_json_reads_it(text in "[\\[\\]{}\":,a-c0-2 ]{0,24}") {
            if let Some(object) = parse_object(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::to_value(object).unwrap());
            }
        }
    }
}
