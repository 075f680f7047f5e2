//! The header: accepted algorithms and types, refused extensions, and keys in the token, which are ignored.

use aws_lc_rs::hmac;
use portcullis::dev::SigningKey;
use serde_json::{Value, json};

use super::jose::{public_key_pem, signed_with};
use super::{Case, Workshop, jose, keys};

const NOT_ALLOWED: &str = "signature algorithm is not allowed";
const MALFORMED: &str = "header is malformed";
const WRONG_TYPE: &str = "header is not that of an access token";
const EXTENSION: &str = "requires an unsupported extension";
const UNPUBLISHED: &str = "signed with a key that its issuer does not publish";
const BAD_SIGNATURE: &str = "signature is not valid";
const MISMATCH: &str = "algorithm does not match its key";

pub fn cases(workshop: &Workshop<'_>) -> Vec<Case> {
    let mut cases = unsigned_and_symmetric(workshop);
    cases.extend(algorithms(workshop));
    cases.extend(types(workshop));
    cases.extend(extensions(workshop));
    cases.extend(own_keys(workshop));
    cases.extend(key_ids(workshop));
    cases
}

fn unsigned_and_symmetric(workshop: &Workshop<'_>) -> Vec<Case> {
    let unsigned = |alg: &str| signed_with(&workshop.es256().header("alg", alg).sign(), |_| Vec::new());
    let never = "an unsigned token is never accepted (RFC 8725 section 3.2, RFC 7518 section 3.6)";
    let mut cases: Vec<Case> = ["none", "None", "NONE", "nOnE", "none ", ""]
        .map(|alg| Case::token(format!("{never}: {alg:?}"), unsigned(alg), NOT_ALLOWED))
        .into();
    cases.push(Case::token(never, workshop.es256().header("alg", "none").sign(), NOT_ALLOWED));
    let jwk = keys::named(&workshop.rs256, "rs256");
    let modulus = jose::decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets = [
        ("the public key's PEM", public_key_pem(&modulus).into_bytes()),
        ("the public key's JWK", jwk.to_string().into_bytes()),
        ("the modulus", modulus),
        ("nothing", Vec::new()),
    ];
    for (name, secret) in secrets {
        for (alg, digest) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            let key = hmac::Key::new(digest, &secret);
            let token = signed_with(&workshop.rs256().header("alg", alg).sign(), |text| {
                hmac::sign(&key, text).as_ref().to_vec()
            });
            let rule = format!("a public value is no secret: {alg} with {name} (RFC 8725 section 2.1, CVE-2015-9235)");
            cases.push(Case::token(rule, token, NOT_ALLOWED));
        }
    }
    cases
}

fn algorithms(workshop: &Workshop<'_>) -> Vec<Case> {
    let listed = "the algorithm is one of the issuer's list, compared exactly (RFC 8725 section 3.1)";
    let misspelt = [
        "RS384", "RS512", "PS384", "PS512", "ES512", "ES256K", "Ed448", "rs256", "es256", " ES256", "ES256\0",
        "RSA-OAEP",
    ]
    .map(|alg| Case::token(format!("{listed}: {alg:?}"), workshop.es256().header("alg", alg).sign(), NOT_ALLOWED));
    let text = "alg is present and a string (RFC 7515 section 4.1.1)";
    let other_types = [json!(null), json!(256), json!(true), json!(["ES256"]), json!({ "ES256": 1 })]
        .map(|alg| Case::token(text, workshop.es256().header("alg", alg).sign(), MALFORMED));
    let bound = "a key is used with its own algorithm only (RFC 8725 section 3.1)";
    let confused = [
        workshop.rs256().header("alg", "PS256").sign(),
        workshop.rs256().header("alg", "ES256").sign(),
        workshop.rs256().header("alg", "EdDSA").sign(),
        workshop.es256().header("alg", "ES384").sign(),
        workshop.es256().header("alg", "RS256").sign(),
        workshop.eddsa().header("alg", "ES256").sign(),
        workshop.eddsa().kid("rs256").sign(),
        workshop.es256().kid("eddsa").sign(),
    ]
    .map(|token| Case::token(bound, token, MISMATCH));
    let absent = Case::token(text, workshop.es256().without_header("alg").sign(), MALFORMED);
    misspelt.into_iter().chain(other_types).chain(confused).chain([absent]).collect()
}

fn types(workshop: &Workshop<'_>) -> Vec<Case> {
    let access = "typ names an access token or just a JWT (RFC 9068 section 4, RFC 8725 section 3.11)";
    let others = [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "JWE",
        "JOSE",
        "id-token+jwt",
        "rt+jwt",
        "at+jwt;v=1",
        "at+jwt ",
        "application/jwt",
        "",
    ]
    .map(|typ| Case::token(format!("{access}: {typ:?}"), workshop.es256().header("typ", typ).sign(), WRONG_TYPE));
    let not_text = [json!(null), json!(["at+jwt"]), json!(1)].map(|typ| {
        Case::token("typ is a string (RFC 7515 section 4.1.9)", workshop.es256().header("typ", typ).sign(), MALFORMED)
    });
    others.into_iter().chain(not_text).collect()
}

fn extensions(workshop: &Workshop<'_>) -> Vec<Case> {
    let critical = "no critical extension is supported (RFC 7515 section 4.1.11, CVE-2025-59420)";
    let unencoded = "an unencoded payload is not supported (RFC 7797 section 7)";
    let compressed = "a JWS is not compressed (RFC 7516 section 4.1.3, CVE-2024-33664)";
    let encrypted = "a token marked as encrypted is not a signed token (RFC 7516 section 4.1.2, CVE-2023-51774)";
    [
        (critical, "crit", json!(["exp"])),
        (critical, "crit", json!(["marked-extension"])),
        (critical, "crit", json!([])),
        (critical, "crit", json!(null)),
        (critical, "crit", json!("b64")),
        (unencoded, "b64", json!(false)),
        (unencoded, "b64", json!(true)),
        (compressed, "zip", json!("DEF")),
        (encrypted, "enc", json!("A256GCM")),
        (encrypted, "enc", json!(null)),
    ]
    .map(|(rule, name, value)| Case::token(rule, workshop.es256().header(name, value).sign(), EXTENSION))
    .into()
}

/// The header offers a key that the token is really signed with. `jku` is the issuer's own endpoint, which counts its requests.
fn own_keys(workshop: &Workshop<'_>) -> Vec<Case> {
    let foreign = &workshop.foreign;
    let key_set_url = format!("{}/jwks", workshop.app.idp.url());
    let offers = |foreign: &SigningKey| -> Vec<(&str, Value)> {
        vec![
            ("jwk", keys::named(foreign, foreign.id())),
            ("jwk", keys::named(foreign, "es256")),
            ("jku", json!(key_set_url)),
            ("x5u", json!(key_set_url)),
            ("x5c", json!([jose::encode("a foreign certificate")])),
            ("x5t", json!(jose::encode("a foreign thumbprint"))),
        ]
    };
    let rule = "a key in the token is not used (RFC 8725 section 3.10, CVE-2026-27962)";
    let mut cases = Vec::new();
    for (name, value) in offers(foreign) {
        let token = workshop.token().signed_by(foreign).header(name, value);
        cases.push(Case::token(format!("{rule}: {name}"), token.clone().sign(), UNPUBLISHED));
        cases.push(Case::token(format!("{rule}: {name}"), token.kid("es256").sign(), BAD_SIGNATURE));
    }
    cases
}

fn key_ids(workshop: &Workshop<'_>) -> Vec<Case> {
    let exact = "a key id is only compared, exactly (RFC 8725 section 3.10)";
    let unknown = [
        "ES256",
        "es256 ",
        "es25",
        "",
        "../../../../dev/null",
        "es256' OR '1'='1",
        "es256\0",
        "http://127.0.0.1:1/jwks",
        "*",
        "e\u{301}s256",
    ]
    .map(|kid| Case::token(format!("{exact}: {kid:?}"), workshop.es256().kid(kid).sign(), UNPUBLISHED));
    let text = "a key id is a string of bounded length (RFC 7515 section 4.1.4)";
    let malformed = [json!(null), json!(1), json!(["es256"]), json!({ "kid": "es256" }), json!("k".repeat(257))]
        .map(|kid| Case::token(text, workshop.es256().header("kid", kid).sign(), MALFORMED));
    let published = "the signing key is published by the issuer (RFC 8725 section 3.8)";
    let stranger = Case::token(published, workshop.token().signed_by(&workshop.foreign).sign(), UNPUBLISHED);
    let ambiguous = Case::token(
        "without a key id exactly one key must fit (RFC 7515 section 4.1.4)",
        workshop.es256().without_header("kid").sign(),
        "More than one key matches",
    );
    unknown.into_iter().chain(malformed).chain([stranger, ambiguous]).collect()
}
