//! The session cookie: found by its name as the browser sends it, octet by octet, and once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::cookies;

const NAME: &str = "__Host-session";

fuzz_target!(|input: &[u8]| {
    // What is no field value never reaches the service.
    let is_value = |field: &&[u8]| field.iter().all(|octet| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7f));
    let fields: Vec<&[u8]> = input.split(|octet| *octet == b'\n').filter(is_value).collect();
    let Ok(Some(value)) = cookies(&fields) else { return };
    assert!(!value.is_empty());
    // A browser lets only the host itself set a cookie of this name. What reads like it but is spelt otherwise, anybody may have set.
    let text = fields.iter().filter_map(|field| std::str::from_utf8(field).ok()).collect::<Vec<_>>().join(";");
    let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.filter(|(name, _)| name.trim() == NAME).count();
    assert_eq!(named, 1, "{text:?} gives {value:?}");
});
