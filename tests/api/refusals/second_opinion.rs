//! A token whose signature another library refuses is never accepted, however the token was changed.

use actix_web::rt::System;
use jsonwebtoken::{DecodingKey, crypto};
use portcullis::dev::{Algorithm, SigningKey};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::jose;
use crate::support::TestApp;

const CASES_PER_ALGORITHM: u32 = 200;

/// A change of a valid token.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Swap(usize, usize),
    /// A bit of the decoded octets of a segment.
    Flip {
        segment: usize,
        bit: usize,
    },
    /// Another value of a claim in the payload.
    Claim(&'static str, &'static str),
}

fn changes() -> impl Strategy<Value = Change> {
    let character = || "[A-Za-z0-9._~+/=-]".prop_map(|text| text.chars().next().unwrap());
    let at = || 0..10_000_usize;
    prop_oneof![
        1 => Just(Change::Nothing),
        4 => (at(), character()).prop_map(|(at, character)| Change::Replace(at, character)),
        2 => (at(), character()).prop_map(|(at, character)| Change::Insert(at, character)),
        2 => at().prop_map(Change::Remove),
        2 => (at(), at()).prop_map(|(one, other)| Change::Swap(one, other)),
        6 => (0..3_usize, at()).prop_map(|(segment, bit)| Change::Flip { segment, bit }),
        2 => prop_oneof![Just(("sub", "alice")), Just(("sub", "b0b")), Just(("scope", "users:write")), Just(("jti", "x"))]
            .prop_map(|(name, value)| Change::Claim(name, value)),
    ]
}

fn changed(token: &str, change: &Change) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let length = characters.len();
    match *change {
        Change::Nothing => {}
        Change::Replace(at, character) => characters[at % length] = character,
        Change::Insert(at, character) => characters.insert(at % (length + 1), character),
        Change::Remove(at) => drop(characters.remove(at % length)),
        Change::Swap(one, other) => characters.swap(one % length, other % length),
        Change::Flip { segment, bit } => return with_bit_flipped(token, segment, bit),
        Change::Claim(name, value) => return with_claim(token, name, value),
    }
    characters.into_iter().collect()
}

fn with_bit_flipped(token: &str, segment: usize, bit: usize) -> String {
    let mut segments = jose::segments(token).map(str::to_owned);
    let mut octets = jose::decode(&segments[segment]).unwrap();
    let bit = bit % (octets.len() * 8);
    octets[bit / 8] ^= 1 << (bit % 8);
    segments[segment] = jose::encode(octets);
    segments.join(".")
}

fn with_claim(token: &str, name: &str, value: &str) -> String {
    let [header, payload, signature] = jose::segments(token);
    let mut claims: serde_json::Value = serde_json::from_slice(&jose::decode(payload).unwrap()).unwrap();
    claims[name] = value.into();
    format!("{header}.{}.{signature}", jose::encode(claims.to_string()))
}

/// Whether jsonwebtoken accepts the signature.
fn verifies(token: &str, key: &SigningKey) -> bool {
    let decoding_key = DecodingKey::from_jwk(&serde_json::from_value(key.public_jwk()).unwrap()).unwrap();
    let algorithm = key.algorithm().name().parse().unwrap();
    let Some((text, signature)) = token.rsplit_once('.') else { return false };
    crypto::verify(signature, text.as_bytes(), &decoding_key, algorithm).unwrap_or(false)
}

#[test]
fn token_whose_signature_jsonwebtoken_refuses_is_never_accepted() {
    let system = System::new();
    let app = system.block_on(TestApp::spawn());
    let keys = Algorithm::ALL.map(SigningKey::generate);
    let published: Vec<_> = keys.iter().map(|key| key.public_jwk().to_string()).collect();
    system.block_on(super::publish(&app, &published));
    let status = |token: &str| system.block_on(app.get("/api/v1/me", token)).status();
    for key in &keys {
        let token = app.token("bob").signed_by(key).sign();
        assert!(verifies(&token, key) && status(&token) == 200, "{key:?}: the valid token is refused");
        TestRunner::new(Config::with_cases(CASES_PER_ALGORITHM))
            .run(&changes(), |change| {
                let token = changed(&token, &change);
                let status = status(&token);
                prop_assert!(status != 200 || verifies(&token, key), "{status}: {token}");
                prop_assert!(matches!(status, 200 | 400 | 401), "{status}: {token}");
                Ok(())
            })
            .unwrap();
    }
}
