//! JSON as a token must be written: no member twice at any depth, nothing after the value, no deeper than any honest document.
//!
//! Two parsers that read one text differently are a forger's tool (RFC 8725 section 3.7 and RFC 7519 section 4), so a text that
//! can be read in two ways is not read at all.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How deep arrays and objects may nest.
const MAX_DEPTH: u8 = 16;

/// The object that `text` holds; `None` if it is anything but one strict JSON object.
pub(super) fn parse_object(text: &[u8]) -> Option<Map<String, Value>> {
    let duplicates = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = StrictValue::new(&duplicates).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    match value {
        Value::Object(members) if !duplicates.get() => Some(members),
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let nested = self.nested()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(nested)? {
            list.push(element);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let nested = self.nested()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(nested)?;
            if object.insert(name, value).is_some() {
                self.duplicates.set(true);
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_object_reads_as_serde_json_reads_it() {
        let text = r#" {"a":[1,-2,1.5,"x\u00e9",true,null,{"b":{}}],"c":""} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text.as_bytes()).map(Value::Object), Some(expected));
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

    proptest! {
        #[test]
        fn what_is_accepted_reads_as_serde_json_reads_it(text in "[\\[\\]{}\":,a-c0-2 ]{0,24}") {
            if let Some(object) = parse_object(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), Value::Object(object));
            }
        }
    }
}
