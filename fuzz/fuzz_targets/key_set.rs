//! A published key set: every accepted key is in the document, is public, is for signatures and has the stated algorithm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::key_set;
use serde_json::Value;

/// Members of private and symmetric keys (RFC 7518 section 6).
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fuzz_target!(|document: &str| {
    let keys = key_set(document);
    if keys.is_empty() {
        return;
    }
    let document: Value = serde_json::from_str(document).expect("a document with keys is JSON");
    let entries = document["keys"].as_array().expect("a document with keys has a list");
    assert!(entries.len() <= 100);
    for (key_id, algorithm) in keys {
        assert!(entries.iter().any(|entry| fits(entry, key_id.as_deref(), algorithm)), "{key_id:?} {algorithm}");
    }
});

fn fits(entry: &Value, key_id: Option<&str>, algorithm: &str) -> bool {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let family = match algorithm {
        "EdDSA" => "OKP",
        _ if algorithm.starts_with("ES") => "EC",
        _ => "RSA",
    };
    // Ed25519 is another name of EdDSA (RFC 9864).
    let is_named = entry.get("alg").is_none_or(Value::is_null)
        || text("alg") == Some(algorithm)
        || (text("alg") == Some("Ed25519") && algorithm == "EdDSA");
    text("kid") == key_id
        && text("kty") == Some(family)
        && is_named
        && entry.get("use").is_none_or(|of| of.is_null() || of == "sig")
        && !SECRETS.iter().any(|name| entry.get(name).is_some())
}
