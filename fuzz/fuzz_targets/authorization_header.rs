//! The bearer token of a request, compared with a simple implementation of RFC 6750 section 2.1.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::authorization_header;

fuzz_target!(|input: &[u8]| {
    let fields: Vec<&[u8]> = input.split(|octet| *octet == b'\n').collect();
    // Other octets never reach the service: 0x80 and above are valid in a field value, control characters are not.
    let is_value = |field: &&[u8]| field.iter().all(|octet| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7f));
    let sent: Vec<&[u8]> = fields.iter().copied().filter(is_value).collect();
    let found = authorization_header(&fields);
    let expected = match &sent[..] {
        [field] => token(field),
        _ => None,
    };
    assert_eq!(found.as_ref().ok().and_then(Option::as_deref), expected);
    assert!(sent.len() < 2 || found.is_err(), "several fields");
});

fn token(field: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(field).ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let is_token = !body.is_empty() && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}
