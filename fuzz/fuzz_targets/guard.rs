//! The complete verification of a token, compared with jsonwebtoken: it must accept every token that is admitted.
//!
//! The first octet of the input selects how the token is signed, the next three a modification after signing. The rest is the header and
//! the claims, on two lines. So the fuzzer reaches the code behind the signature check and still tests the check itself.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation, crypto, decode, decode_header};
use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::{Guard, authorization_header, guard};
use portcullis_fuzz::{AUDIENCE, ISSUER, LEEWAY, NOW, decoding_key, hmac, issuers_file, sign};
use serde_json::Value;

/// The default signature algorithms of an issuer.
const ALGORITHMS: [&str; 6] = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];

// One thread runs the target, and its runtime belongs to that thread.
struct Single(Guard);
unsafe impl Sync for Single {}
unsafe impl Send for Single {}

static GUARD: LazyLock<Single> = LazyLock::new(|| Single(guard(&issuers_file(), NOW).expect("a guard")));

fuzz_target!(|input: &[u8]| {
    let Some((&[mode, high, low, change], texts)) = input.split_first_chunk() else { return };
    let guard = &GUARD.0;
    let token = modified(token(mode, texts), usize::from(u16::from_be_bytes([high, low])), change);
    // Extracted as by the guard.
    let field = [b"Bearer ", &*token].concat();
    let Ok(Some(presented)) = authorization_header(&[&field]) else { return };
    let admitted = guard.admits(&presented);
    assert_eq!(guard.recalls(presented.as_bytes()), admitted.is_some(), "{presented}");
    if let Some(admitted) = admitted {
        let claims = second_opinion(&presented).unwrap_or_else(|error| panic!("{error}: {presented}"));
        // A machine token may lack `sub` and is then identified by its client.
        let names = ["sub", "client_id", "azp", "appid", "cid"].map(|name| claims[name].as_str());
        let named = if claims.get("sub").is_some() { &names[..1] } else { &names[1..] };
        assert!(named.contains(&Some(&*admitted.subject)), "{claims}");
        assert_eq!(admitted.issuer, ISSUER);
    }
});

fn token(mode: u8, texts: &[u8]) -> Vec<u8> {
    let mut lines = texts.splitn(2, |octet| *octet == b'\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let signed = [header, claims].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text)).join(".");
    match mode % 8 {
        0..=2 => format!("{signed}.{}", sign(0, signed.as_bytes())),
        3..=4 => format!("{signed}.{}", sign(1, signed.as_bytes())),
        5 => format!("{signed}.{}", hmac(signed.as_bytes())),
        6 => format!("{signed}."),
        // Unsigned input.
        _ => return texts.to_vec(),
    }
    .into_bytes()
}

/// The token with one octet replaced or removed.
fn modified(mut token: Vec<u8>, at: usize, change: u8) -> Vec<u8> {
    if change != 0 && !token.is_empty() {
        let at = at % token.len();
        if change == 1 {
            token.remove(at);
        } else {
            token[at] = change;
        }
    }
    token
}

/// The claims, if jsonwebtoken accepts the token. Times are checked here because jsonwebtoken uses the system clock only.
fn second_opinion(token: &str) -> Result<Value, String> {
    let renamed = with_known_algorithm(token)?;
    let token = renamed.as_deref().unwrap_or(token);
    let header = decode_header(token).map_err(|error| format!("header: {error}"))?;
    let key = decoding_key(header.kid.as_deref(), header.alg).ok_or("no key")?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let claims: Value = decode(token, &key, &validation).map_err(|error| error.to_string())?.claims;
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().unwrap_or(f64::NAN));
    let (now, leeway) = (NOW as f64, LEEWAY as f64);
    let is_timely = time("exp").is_some_and(|exp| now < exp + leeway)
        && ["nbf", "iat"].into_iter().all(|name| time(name).is_none_or(|time| time <= now + leeway));
    let header: Value = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap_or_default())
        .ok()
        .and_then(|header| serde_json::from_slice(&header).ok())
        .ok_or("the header is not JSON")?;
    let is_allowed = header["alg"].as_str().is_some_and(|algorithm| ALGORITHMS.contains(&algorithm));
    if is_timely && is_allowed { Ok(claims) } else { Err("times or algorithm".to_owned()) }
}

/// For a token with the algorithm `Ed25519` (RFC 9864), which jsonwebtoken does not know: verifies the signature and returns the claims signed
/// as `EdDSA`. `None` for every other token.
fn with_known_algorithm(token: &str) -> Result<Option<String>, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err("not three parts".to_owned()) };
    let octets = BASE64_URL_SAFE_NO_PAD.decode(header).map_err(|error| error.to_string())?;
    let mut members: Value = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
    if members["alg"] != "Ed25519" {
        return Ok(None);
    }
    let key = decoding_key(members["kid"].as_str(), Algorithm::EdDSA).ok_or("no key")?;
    let signed = format!("{header}.{claims}");
    match crypto::verify(signature, signed.as_bytes(), &key, Algorithm::EdDSA) {
        Ok(true) => {}
        _ => return Err("signature".to_owned()),
    }
    members["alg"] = "EdDSA".into();
    let signed = format!("{}.{claims}", BASE64_URL_SAFE_NO_PAD.encode(members.to_string()));
    Ok(Some(format!("{signed}.{}", sign(1, signed.as_bytes()))))
}
