//! The parser: serde's visitor, which refuses what is ambiguous.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use serde_json::Number;

use super::{Json, MAX_DEPTH, Object};

/// Parses `text`; `None` unless it is exactly one strict JSON object.
pub(crate) fn parse_object(text: &[u8]) -> Option<Object<'_>> {
    let duplicates = Cell::new(false);
    // Validates UTF-8 once, instead of for each string.
    let mut deserializer = serde_json::Deserializer::from_str(str::from_utf8(text).ok()?);
    let value = StrictValue::new(&duplicates).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    match value {
        Json::Object(members) if !duplicates.get() => Some(members),
        _ => None,
    }
}

/// Parses one value. A repeated member sets a flag instead of failing, so that a caller can skip one bad entry of a list.
#[derive(Clone, Copy)]
pub(crate) struct StrictValue<'a> {
    depth_left: u8,
    duplicates: &'a Cell<bool>,
}

impl<'a> StrictValue<'a> {
    pub(crate) fn new(duplicates: &'a Cell<bool>) -> Self {
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
        // Enough for the members of a small token; nested objects have fewer.
        let expected = if self.depth_left == MAX_DEPTH { 16 } else { 0 };
        let mut object = Object(Vec::with_capacity(expected));
        while let Some(name) = members.next_key_seed(Name)? {
            object.0.push((name, members.next_value_seed(nested)?));
        }
        if object.has_duplicate_name() {
            self.duplicates.set(true);
        }
        Ok(Json::Object(object))
    }
}

/// Deserializes a member name as borrowed text. (`Cow`'s own implementation always allocates.)
pub(crate) struct Name;

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
