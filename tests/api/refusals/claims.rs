//! The claims: issuer, audience, times, subject and kind of the token.

use portcullis::dev::{Algorithm, TokenBuilder};
use serde_json::{Value, json};

use super::{Case, Workshop};
use crate::support::AUDIENCE;

const ISSUER: &str = "issuer is not trusted";
const AUDIENCE_IS_OTHER: &str = "another audience";
const TIME: &str = "A time in the token is malformed";
const SUBJECT: &str = "subject is missing or malformed";
const KIND: &str = "not an access token";

/// The allowed difference of clocks, in seconds.
const LEEWAY: i64 = 30;

/// Tokens just within the bounds that the cases exceed.
pub fn acceptable(workshop: &Workshop<'_>) -> Vec<String> {
    let token = || workshop.es256();
    let now = workshop.app.clock.now().timestamp();
    [
        token().expires_in(1 - LEEWAY),
        token().claim("nbf", now + LEEWAY),
        token().claim("iat", now + LEEWAY),
        token().without("iat").without("nbf"),
        token().claim("exp", now as f64 + 0.5),
        token().audience(json!(["another-service", AUDIENCE])),
        token().claim("sub", "é".repeat(255)),
        token().claim("nonce", "n"),
        token().without_header("typ").claim("typ", "Bearer").claim("nonce", "n"),
        token().header("typ", "application/AT+JWT"),
        token().header("typ", "JWT"),
        token().without_header("typ"),
        workshop.token().algorithm(Algorithm::Es384).without_header("kid"),
    ]
    .map(TokenBuilder::sign)
    .into()
}

pub fn cases(workshop: &Workshop<'_>) -> Vec<Case> {
    let mut cases = issuers(workshop);
    cases.extend(audiences(workshop));
    cases.extend(malformed_times(workshop));
    cases.extend(times(workshop));
    cases.extend(subjects(workshop));
    cases.extend(kinds(workshop));
    cases
}

fn issuers(workshop: &Workshop<'_>) -> Vec<Case> {
    let issuer = workshop.app.idp.url();
    let (scheme, authority) = issuer.split_once("://").unwrap();
    let port = authority.split_once(':').unwrap().1;
    let exact = "iss equals the configured issuer octet by octet (RFC 9068 section 4, RFC 8725 section 3.8)";
    let values = [
        json!(format!("{issuer}/")),
        json!(format!("HTTP://{authority}")),
        json!(format!("{scheme}://localhost:{port}")),
        json!(format!("{scheme}s://{authority}")),
        json!(format!("{issuer}.attacker.example")),
        json!(format!("{issuer}/realms/other")),
        json!(format!("{issuer}?")),
        json!(format!("{issuer}#")),
        json!(format!(" {issuer}")),
        json!(&issuer[..issuer.len() - 1]),
        json!("https://attacker.example"),
        json!(""),
        json!([issuer]),
        json!([issuer, "https://attacker.example"]),
        json!({ "iss": issuer }),
        json!(null),
        json!(1),
    ];
    let mut cases: Vec<Case> = values
        .map(|iss| Case::token(format!("{exact}: {iss}"), workshop.es256().claim("iss", iss).sign(), ISSUER))
        .into();
    cases.push(Case::token("iss is required (RFC 9068 section 2.2)", workshop.es256().without("iss").sign(), ISSUER));
    cases
}

fn audiences(workshop: &Workshop<'_>) -> Vec<Case> {
    let exact = "aud is or lists the service's identifier exactly (RFC 9068 section 4, RFC 8725 section 3.9)";
    let values = [
        json!("https://another.example.test"),
        json!(&AUDIENCE[..AUDIENCE.len() - 1]),
        json!(format!("{AUDIENCE}/")),
        json!(format!("{AUDIENCE}.attacker.example")),
        json!(AUDIENCE.to_uppercase()),
        json!(format!("https://another.example.test {AUDIENCE}")),
        json!(format!("https://another.example.test,{AUDIENCE}")),
        json!(""),
        json!("*"),
        json!([]),
        json!([""]),
        json!(["https://another.example.test", "https://third.example.test"]),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 1]),
        json!([AUDIENCE, null]),
        json!({ "aud": AUDIENCE }),
        json!({ AUDIENCE: true }),
        json!(1),
        json!(true),
        json!(null),
    ];
    let mut cases: Vec<Case> = values
        .map(|aud| Case::token(format!("{exact}: {aud}"), workshop.es256().claim("aud", aud).sign(), AUDIENCE_IS_OTHER))
        .into();
    let required = "aud is required (RFC 9068 section 2.2, OWASP ASVS 9.2.3)";
    cases.push(Case::token(required, workshop.es256().without("aud").sign(), AUDIENCE_IS_OTHER));
    cases
}

fn malformed_times(workshop: &Workshop<'_>) -> Vec<Case> {
    let soon = workshop.app.clock.now().timestamp() + 60;
    let values = |soon: i64| {
        [
            json!(null),
            json!(soon.to_string()),
            json!("soon"),
            json!("NaN"),
            json!("2030-01-02T03:05:05Z"),
            json!(true),
            json!([soon]),
            json!({ "seconds": soon }),
            json!(-1),
            json!(-0.5),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!(soon * 1_000),
        ]
    };
    let rule = "a time is a finite number of seconds; another value is not absent (RFC 7519 section 2, CVE-2026-25537)";
    let mut cases = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        for value in values(soon) {
            cases.push(Case::token(
                format!("{rule}: {name} {value}"),
                workshop.es256().claim(name, value).sign(),
                TIME,
            ));
        }
    }
    cases
}

fn times(workshop: &Workshop<'_>) -> Vec<Case> {
    let now = workshop.app.clock.now().timestamp();
    let token = || workshop.es256();
    let past = "a token is refused after exp and a leeway of 30 seconds (RFC 7519 section 4.1.4)";
    let (expired, early, future) = ("has expired", "not valid yet", "issued in the future");
    let not_before = "a token is refused before nbf (RFC 7519 section 4.1.5)";
    let issued = "a token is not issued in the future (RFC 7519 section 4.1.6)";
    vec![
        Case::token("exp is required (RFC 9068 section 2.2)", token().without("exp").sign(), "has no `exp` claim"),
        Case::token(past, token().expires_in(-LEEWAY).sign(), expired),
        Case::token(past, token().expires_in(-LEEWAY - 1).sign(), expired),
        Case::token(past, token().expires_in(-3_600).sign(), expired),
        Case::token(past, token().claim("exp", 0).sign(), expired),
        Case::token(past, token().claim("exp", now as f64 - 30.001).sign(), expired),
        Case::token(not_before, token().claim("nbf", now + LEEWAY + 1).sign(), early),
        Case::token(not_before, token().claim("nbf", now as f64 + 30.001).sign(), early),
        Case::token(not_before, token().claim("nbf", now + 3_600).sign(), early),
        Case::token(issued, token().claim("iat", now + LEEWAY + 1).sign(), future),
        Case::token(issued, token().claim("iat", now + 3_600).sign(), future),
    ]
}

fn subjects(workshop: &Workshop<'_>) -> Vec<Case> {
    let rule =
        "sub is a string of 1 to 255 characters without control characters (RFC 9068 section 2.2, OIDC Core section 2)";
    let values: [Value; 13] = [
        json!(""),
        json!("s".repeat(256)),
        json!("é".repeat(256)),
        json!("alice\0"),
        json!("alice\nadmin"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!("\u{1b}[31m"),
        json!(1),
        json!(null),
        json!(true),
        json!(["alice"]),
        json!({ "sub": "alice" }),
    ];
    let mut cases: Vec<Case> =
        values.map(|sub| Case::token(rule, workshop.es256().claim("sub", sub).sign(), SUBJECT)).into();
    let no_subject = workshop.es256().without("sub").without("client_id").sign();
    cases.push(Case::token("a token has a subject (RFC 9068 section 2.2)", no_subject, SUBJECT));
    let client = "the client id follows the same rule (RFC 9068 section 2.2)";
    for value in [json!(null), json!(""), json!(1), json!(["a"]), json!("a\nb")] {
        let token = workshop.es256().claim("client_id", value.clone()).sign();
        cases.push(Case::token(client, token, "client id is malformed"));
        let token = workshop.es256().claim("azp", value).sign();
        cases.push(Case::token(client, token, "client id is malformed"));
    }
    cases
}

fn kinds(workshop: &Workshop<'_>) -> Vec<Case> {
    let silent = || workshop.es256().header("typ", "JWT");
    let access_only = "only access tokens are accepted, whatever their audience (RFC 8725 sections 2.8 and 3.12)";
    let bound = "a token bound to a key needs proof of possession (RFC 7800, RFC 9449 section 7.2, RFC 8705 section 3)";
    let mut cases = Vec::new();
    for (name, value) in [
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("nonce", json!(null)),
        ("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")),
        ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
    ] {
        cases.push(Case::token(format!("{access_only}: {name}"), silent().claim(name, value.clone()).sign(), KIND));
        cases.push(Case::token(
            format!("{access_only}: {name}"),
            silent().without_header("typ").claim(name, value).sign(),
            KIND,
        ));
    }
    for typ in
        [json!("Refresh"), json!("ID"), json!("Logout"), json!("Offline"), json!(""), json!(null), json!(["Bearer"])]
    {
        cases.push(Case::token(format!("{access_only}: typ {typ}"), silent().claim("typ", typ.clone()).sign(), KIND));
        cases.push(Case::token(format!("{access_only}: typ {typ}"), workshop.es256().claim("typ", typ).sign(), KIND));
    }
    for usage in [json!("id"), json!("refresh"), json!("ACCESS "), json!(null), json!(["access"])] {
        cases.push(Case::token(
            format!("{access_only}: token_use {usage}"),
            silent().claim("token_use", usage.clone()).sign(),
            KIND,
        ));
        cases.push(Case::token(
            format!("{access_only}: token_use {usage}"),
            workshop.es256().claim("token_use", usage).sign(),
            KIND,
        ));
    }
    for cnf in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({}),
        json!(null),
    ] {
        cases.push(Case::token(bound, workshop.es256().claim("cnf", cnf).sign(), "Sender-constrained"));
    }
    cases
}
