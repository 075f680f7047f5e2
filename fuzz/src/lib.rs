//! What the targets share: an issuer with fixed keys, and tokens that are signed with them.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example.com";
pub const CLIENT: &str = "api";
/// When the targets take place, in seconds since 1970.
pub const NOW: i64 = 1_700_000_000;
/// How far clocks may differ.
pub const LEEWAY: i64 = 30;

/// Test keys: they sign nothing else.
const PAIRS: [(&str, Algorithm, &[u8]); 2] = [
    ("ec", Algorithm::ES256, include_bytes!("../keys/ec.p8")),
    ("ed", Algorithm::EdDSA, include_bytes!("../keys/ed.p8")),
];
/// The public halves, and an RSA key that signs nothing: what an HMAC might be made with.
pub const KEY_SET: &str = include_str!("../keys/jwks.json");

/// The settings of the one issuer, in a file.
pub fn issuers_file() -> String {
    let path = std::env::temp_dir().join(format!("portcullis-fuzz-{}.toml", std::process::id()));
    let settings =
        format!("[[issuer]]\nissuer = '{ISSUER}'\naudiences = ['{AUDIENCE}']\nstatic_keys = '''{KEY_SET}'''\n");
    std::fs::write(&path, settings).expect("a file of settings");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The signature of `text` by one of the keys.
pub fn sign(key: usize, text: &[u8]) -> String {
    let (_, algorithm, octets) = PAIRS[key % PAIRS.len()];
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_der(octets),
        _ => EncodingKey::from_ec_der(octets),
    };
    crypto::sign(text, &key, algorithm).expect("a signature")
}

/// An HMAC with what everybody knows as its secret.
pub fn hmac(text: &[u8]) -> String {
    crypto::sign(text, &EncodingKey::from_secret(KEY_SET.trim().as_bytes()), Algorithm::HS256).expect("a signature")
}

/// The key that jsonwebtoken verifies with, where a header names one of ours.
pub fn decoding_key(key_id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(KEY_SET).expect("a key set");
    let name = match key_id {
        Some(key_id) => key_id,
        // Each algorithm has one.
        None => PAIRS.iter().find(|pair| pair.1 == algorithm)?.0,
    };
    DecodingKey::from_jwk(set.find(name)?).ok()
}
