//! Shared by the targets: an issuer with fixed keys, and signatures by these keys.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example.com";
pub const CLIENT: &str = "api";
/// The current time of the targets, in seconds since 1970.
pub const NOW: i64 = 1_700_000_000;
/// The tolerated clock difference, in seconds.
pub const LEEWAY: i64 = 30;

/// Test keys, used for nothing else.
const PAIRS: [(&str, Algorithm, &[u8]); 2] = [
    ("ec", Algorithm::ES256, include_bytes!("../keys/ec.p8")),
    ("ed", Algorithm::EdDSA, include_bytes!("../keys/ed.p8")),
];
/// The public halves, and an RSA key that signs nothing. An attacker could use this text as an HMAC secret.
pub const KEY_SET: &str = include_str!("../keys/jwks.json");

/// Writes the settings of the issuer to a file and returns its path.
pub fn issuers_file() -> String {
    let path = std::env::temp_dir().join(format!("portcullis-fuzz-{}.toml", std::process::id()));
    let settings =
        format!("[[issuer]]\nissuer = '{ISSUER}'\naudiences = ['{AUDIENCE}']\nstatic_keys = '''{KEY_SET}'''\n");
    std::fs::write(&path, settings).expect("the settings file is writable");
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// Signs `text` with one of the keys.
pub fn sign(key: usize, text: &[u8]) -> String {
    let (_, algorithm, octets) = PAIRS[key % PAIRS.len()];
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_der(octets),
        _ => EncodingKey::from_ec_der(octets),
    };
    crypto::sign(text, &key, algorithm).expect("the key signs")
}

/// An HMAC of `text` with the public key set as its secret.
pub fn hmac(text: &[u8]) -> String {
    crypto::sign(text, &EncodingKey::from_secret(KEY_SET.trim().as_bytes()), Algorithm::HS256).expect("the key signs")
}

/// The key with which jsonwebtoken verifies, if the header names a known key.
pub fn decoding_key(key_id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(KEY_SET).expect("the key set is valid");
    let name = match key_id {
        Some(key_id) => key_id,
        // Each algorithm has one key.
        None => PAIRS.iter().find(|pair| pair.1 == algorithm)?.0,
    };
    DecodingKey::from_jwk(set.find(name)?).ok()
}
