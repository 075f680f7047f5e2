//! The Authorization field: exactly one, of the right form, and no other place for the token.

use reqwest::Method;

use super::{Case, Challenge, Refusal, Sent, Workshop};

const ONE_FIELD: &str = "must have one `Authorization` field";
const ONE_TOKEN: &str = "must be `Bearer`, a space and one token";

pub async fn acceptable_fields_pass(workshop: &Workshop<'_>) {
    let token = workshop.es256().sign();
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR    "] {
        let request =
            workshop.app.request(Method::GET, "/api/v1/me").header("Authorization", &format!("{scheme}{token}"));
        assert_eq!(request.send().await.status(), 200, "{scheme:?}");
    }
}

pub fn cases(workshop: &Workshop<'_>) -> Vec<Case> {
    let good = workshop.es256().sign();
    let mut cases = absent(&good);
    cases.extend(malformed(&good));
    cases.extend(elsewhere(&good));
    cases
}

fn case(rule: &str, fields: Vec<(&'static str, String)>, refusal: Refusal) -> Case {
    Case { rule: rule.to_owned(), sent: Sent::Fields(fields), refusal }
}

fn absent(good: &str) -> Vec<Case> {
    let other_scheme = "another scheme is not a bearer credential and gets no error code (RFC 6750 section 3.1)";
    let authorization = |value: String| vec![("Authorization", value)];
    [
        ("without the field there is no credential (RFC 6750 section 3.1)", Vec::new()),
        ("an empty field is not a credential (RFC 9110 section 11.6.2)", authorization(String::new())),
        (other_scheme, authorization("Basic Ym9iOnNlY3JldC1vZi1ib2I=".to_owned())),
        (other_scheme, authorization(format!("DPoP {good}"))),
        (other_scheme, authorization(format!("Token {good}"))),
        (other_scheme, authorization(format!("JWT {good}"))),
        ("a scheme is compared whole (RFC 9110 section 11.1)", authorization(format!("Bearers {good}"))),
        ("a token without a scheme is not a bearer credential (RFC 6750 section 2.1)", authorization(good.to_owned())),
        ("a colon is not a space (RFC 6750 section 2.1)", authorization(format!("Bearer: {good}"))),
        ("a tab is not a space (RFC 9110 section 11.4)", authorization(format!("Bearer\t{good}"))),
    ]
    .map(|(rule, fields)| case(rule, fields, Refusal::NO_CREDENTIAL))
    .into()
}

fn malformed(good: &str) -> Vec<Case> {
    let two = "two fields are refused (RFC 6750 section 3.1, RFC 9110 section 5.3)";
    let b64token = "the scheme is followed by exactly one b64token (RFC 6750 section 2.1)";
    let twice = |first: String, second: String| vec![("Authorization", first), ("authorization", second)];
    let several = [
        (two, twice(format!("Bearer {good}"), format!("Bearer {good}"))),
        (two, twice(format!("Bearer {good}"), "Basic Ym9iOnNlY3JldC1vZi1ib2I=".to_owned())),
        (two, twice("Basic Ym9iOnNlY3JldC1vZi1ib2I=".to_owned(), format!("Bearer {good}"))),
        (two, twice(String::new(), format!("Bearer {good}"))),
    ]
    .map(|(rule, fields)| case(rule, fields, Refusal::of_request(ONE_FIELD)));
    let values = [
        "Bearer".to_owned(),
        "bearer".to_owned(),
        format!("Bearer {good} {good}"),
        format!("Bearer {good}, Bearer {good}"),
        format!("Bearer {good},"),
        format!("Bearer \"{good}\""),
        format!("Bearer token={good}"),
        format!("Bearer <{good}>"),
        format!("Bearer \t{good}"),
        format!("Bearer {good}%20"),
        format!("Bearer {good};"),
        format!("Bearer ={good}"),
        "Bearer ====".to_owned(),
        format!("Bearer Bearer {good}"),
    ]
    .map(|value| case(b64token, vec![("Authorization", value)], Refusal::of_request(ONE_TOKEN)));
    let huge = Refusal {
        status: 431,
        problem: "header-too-large",
        challenge: Challenge::Absent,
        reason: "at most 16384 bytes",
    };
    let capped = case(
        "a field of more than 16 KiB is not read (OWASP API4:2023)",
        vec![("Authorization", format!("Bearer {good}{}", "x".repeat(16 * 1024)))],
        huge,
    );
    several.into_iter().chain(values).chain([capped]).collect()
}

/// The methods of RFC 6750 sections 2.2 and 2.3 are not supported; RFC 9700 section 4.3.2 forbids the query.
fn elsewhere(good: &str) -> Vec<Case> {
    let no_other_field = "a token is read from the Authorization field only (RFC 9700 section 4.3.2)";
    let mut cases = vec![
        Case {
            rule: "a token in the query is not read (RFC 9700 section 4.3.2)".to_owned(),
            sent: Sent::Query(format!("access_token={good}")),
            refusal: Refusal::NO_CREDENTIAL,
        },
        Case {
            rule: "a token in the body is not read (RFC 6750 section 2.2)".to_owned(),
            sent: Sent::Form(format!("access_token={good}")),
            refusal: Refusal::NO_CREDENTIAL,
        },
        case(no_other_field, vec![("Cookie", format!("token={good}; jwt={good}"))], Refusal::NO_CREDENTIAL),
    ];
    for name in [
        "Proxy-Authorization",
        "X-Authorization",
        "X-Access-Token",
        "X-Forwarded-Access-Token",
        "Sec-WebSocket-Protocol",
    ] {
        cases.push(case(no_other_field, vec![(name, format!("Bearer {good}"))], Refusal::NO_CREDENTIAL));
    }
    for name in ["X-Forwarded-User", "X-User", "X-Remote-User", "X-Forwarded-Email"] {
        let rule = "no other header field identifies a user (OWASP ASVS 4.1.3)";
        cases.push(case(rule, vec![(name, "alice@example.test".to_owned())], Refusal::NO_CREDENTIAL));
    }
    cases
}
