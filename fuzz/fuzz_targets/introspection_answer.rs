//! Introspection responses of an issuer, plain or signed.
//!
//! The first octet selects the kind. A signed response is built from the two following lines, its header and its claims.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::{Keys, keys, unique_json};
use portcullis_fuzz::{CLIENT, ISSUER, NOW, issuers_file, sign};
use serde_json::Value;

// One thread runs the target, and its runtime belongs to that thread.
struct Single(Keys);
unsafe impl Sync for Single {}
unsafe impl Send for Single {}

static KEYS: LazyLock<Single> = LazyLock::new(|| Single(keys(&issuers_file(), NOW).expect("the keys are valid")));

fuzz_target!(|input: &[u8]| {
    let Some((mode, text)) = input.split_first() else { return };
    match mode % 4 {
        0 => plain("application/json", text),
        1 => signed(text),
        2 => assert_eq!(KEYS.0.introspection_answer("application/token-introspection+jwt", text, CLIENT), None),
        _ => plain("application/json; charset=utf-8", text),
    }
});

fn plain(media_type: &str, text: &[u8]) {
    let answer = KEYS.0.introspection_answer(media_type, text, CLIENT);
    assert_eq!(answer, unique_json(text).and_then(members));
}

/// The members of a response if the token is active, `Some(None)` if it is not.
fn members(mut answer: Value) -> Option<Option<Value>> {
    let is_active = answer.as_object_mut()?.remove("active")?.as_bool()?;
    Some(is_active.then_some(answer))
}

fn signed(text: &[u8]) {
    let mut lines = text.splitn(2, |octet| *octet == b'\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let signed = [header, claims].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text)).join(".");
    let body = format!("{signed}.{}", sign(0, signed.as_bytes()));
    let answer = KEYS.0.introspection_answer("application/token-introspection+jwt", body.as_bytes(), CLIENT);
    let Some(answer) = answer else { return };
    let (header, mut claims) = (unique_json(header).expect("a header"), unique_json(claims).expect("claims"));
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    assert_eq!(typ.trim_start_matches("application/"), "token-introspection+jwt");
    assert_eq!((header["alg"].as_str(), claims["iss"].as_str()), (Some("ES256"), Some(ISSUER)));
    let issued_at = claims["iat"].as_f64().expect("`iat` is a number");
    assert!((NOW as f64 - issued_at).abs() <= 61.0, "{issued_at}");
    let audience = &claims["aud"];
    assert!(audience == CLIENT || audience.as_array().is_some_and(|list| list.iter().any(|name| name == CLIENT)));
    assert_eq!(Some(answer), members(claims["token_introspection"].take()));
}
