//! Thousands of tokens, in the format in which providers issue tokens of users.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use portcullis::dev::{Algorithm, SigningKey};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example.test/realms/measured";
const AUDIENCE: &str = "https://api.example.test";
/// Longer than any measurement.
const LIFETIME: u64 = 24 * 60 * 60;

/// The number of users with tokens of each algorithm.
const USERS: usize = 1_000;
/// The number of tokens that are sent once each: more than are verified during a measurement.
const COLD: usize = 45_000;
/// The number of tokens that the cache must hold.
const MANY: usize = 100_000;
/// The number of tokens of new users.
const STRANGERS: usize = 30_000;

/// Writes `issuers.toml` and the tokens of each workload, one per line, to `folder`. The number of tokens is divided by `divisor`.
pub(crate) fn write(folder: &Path, divisor: usize) {
    let [users, cold, many, strangers] = [USERS, COLD, MANY, STRANGERS].map(|count| count / divisor);
    fs::create_dir_all(folder).unwrap();
    let keys = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa].map(SigningKey::generate);
    let [rs256, ps256, es256, ed_dsa] = &keys;
    let jwks = json!({ "keys": keys.iter().map(SigningKey::public_jwk).collect::<Vec<_>>() });
    let issuers = format!("[[issuer]]\nissuer = \"{ISSUER}\"\naudiences = [\"{AUDIENCE}\"]\nstatic_keys = '{jwks}'\n");
    fs::write(folder.join("issuers.toml"), issuers).unwrap();
    let of_known = |number: usize| format!("person-{}", number % users);
    put(folder, "warm", &signed(rs256, users, of_known));
    put(folder, "refused", &spoilt(&signed(rs256, users, of_known)));
    put(folder, "RS256", &signed(rs256, many, of_known));
    put(folder, "PS256", &signed(ps256, cold, of_known));
    put(folder, "ES256", &signed(es256, cold, of_known));
    put(folder, "EdDSA", &signed(ed_dsa, cold, of_known));
    put(folder, "strangers", &signed(ed_dsa, strangers, |number| format!("stranger-{number}")));
}

fn put(folder: &Path, name: &str, tokens: &[String]) {
    let mut file = BufWriter::new(fs::File::create(folder.join(name)).unwrap());
    tokens.iter().for_each(|token| writeln!(file, "{token}").unwrap());
    file.flush().unwrap();
}

/// Signs `count` distinct tokens on all cores.
fn signed(key: &SigningKey, count: usize, subject: impl Fn(usize) -> String + Sync) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let numbers: Vec<usize> = (0..count).collect();
    thread::scope(|scope| {
        let parts: Vec<_> = numbers
            .chunks(count.div_ceil(threads))
            .map(|part| scope.spawn(|| part.iter().map(|number| token(key, *number, &subject(*number))).collect()))
            .collect();
        parts.into_iter().flat_map(|part| -> Vec<String> { part.join().unwrap() }).collect()
    })
}

fn token(key: &SigningKey, number: usize, subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = json!({ "typ": "at+jwt", "alg": key.algorithm().name(), "kid": key.id() });
    let payload = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": format!("00000000-0000-4000-8000-{number:012}"),
        "sub": subject,
        "azp": "measured-app",
        "scope": "openid profile email profile:read profile:write",
        "name": format!("Pat {subject}"),
        "given_name": "Pat",
        "family_name": subject,
        "preferred_username": subject,
        "email": format!("{subject}@example.test"),
        "email_verified": true,
        "locale": "en-GB",
    });
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed_text = format!("{}.{}", encoded(&header), encoded(&payload));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signed_text.as_bytes()));
    format!("{signed_text}.{signature}")
}

/// The same tokens, each with the signature of another, which only the signature check detects.
fn spoilt(tokens: &[String]) -> Vec<String> {
    let parts: Vec<_> = tokens.iter().filter_map(|token| token.rsplit_once('.')).collect();
    let signatures = parts.iter().map(|(_, signature)| signature).cycle().skip(1);
    parts.iter().zip(signatures).map(|((text, _), signature)| format!("{text}.{signature}")).collect()
}
