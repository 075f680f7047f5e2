//! The session cookie: found only by its exact name, which must occur once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::cookies;

const NAME: &str = "__Host-session";

fuzz_target!(|input: &[u8]| {
    // Other octets never reach the service.
    let is_value = |field: &&[u8]| field.iter().all(|octet| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7f));
    let fields: Vec<&[u8]> = input.split(|octet| *octet == b'\n').filter(is_value).collect();
    let Ok(Some(value)) = cookies(&fields) else { return };
    assert!(!value.is_empty());
    // Browsers let only the host itself set a cookie of this name. A cookie with a similar name could come from another host.
    let text = fields.iter().filter_map(|field| std::str::from_utf8(field).ok()).collect::<Vec<_>>().join(";");
    let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.filter(|(name, _)| name.trim() == NAME).count();
    assert_eq!(named, 1, "{text:?} gives {value:?}");
});
