//! Claims and headers as JSON, compared with serde_json and a separate search for duplicate members.
#![no_main]

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::unique_json;
use serde_json::Value;
use serde_json::de::Deserializer;

const MAX_DEPTH: usize = 16;

fuzz_target!(|input: &[u8]| {
    let ours = unique_json(input);
    let theirs = serde_json::from_slice::<Value>(input).ok();
    let expected = theirs.filter(|value| value.is_object() && depth(value) <= MAX_DEPTH && is_unique(input));
    assert_eq!(ours, expected);
});

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn is_unique(text: &[u8]) -> bool {
    let has_duplicate = Cell::new(false);
    let read = Names(&has_duplicate);
    serde::de::DeserializeSeed::deserialize(read, &mut Deserializer::from_slice(text)).is_ok() && !has_duplicate.get()
}

/// Reads any value and records whether an object has duplicate members.
#[derive(Clone, Copy)]
struct Names<'a>(&'a Cell<bool>);

impl<'de> serde::de::DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value_seed(self)?;
            if !names.insert(name) {
                self.0.set(true);
            }
        }
        Ok(())
    }
}
