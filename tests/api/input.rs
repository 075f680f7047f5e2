//! Invalid input: a problem of the right status, which does not repeat it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

/// Part of every invalid input; no response may contain it.
const MARK: &str = "marked";

#[actix_web::test]
async fn invalid_input_is_a_problem_of_the_right_status_and_is_not_repeated() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let users = "/api/v1/users";
    let accounts = "/api/v1/service-accounts";
    let json = "application/json";
    let too_large = format!("{{\"client_id\": \"{}\"}}", "x".repeat(70_000));
    let too_deep = "[".repeat(10_000);
    let unknown_member = r#"{"issuer": "i", "client_id": "c", "marked": 1}"#;
    let (bad_role, bad_end) = (format!("{users}/{bob}/roles/marked"), r#"{"expires_at": "marked"}"#);
    let cases = [
        ("bad JSON", Method::POST, accounts.to_owned(), json, "{marked", 400, "invalid-body"),
        ("no body at all", Method::POST, accounts.to_owned(), json, "", 415, "unsupported-media-type"),
        ("a body too deep", Method::POST, accounts.to_owned(), json, &too_deep, 400, "invalid-body"),
        (
            "members without their names",
            Method::POST,
            accounts.to_owned(),
            json,
            r#"["i", "marked", null, []]"#,
            400,
            "invalid-body",
        ),
        (
            "the same where the body is optional",
            Method::POST,
            format!("{users}/{bob}/disable"),
            json,
            r#"["marked"]"#,
            400,
            "invalid-body",
        ),
        ("an unknown member", Method::POST, accounts.to_owned(), json, unknown_member, 400, "invalid-body"),
        (
            "a member of another type",
            Method::POST,
            accounts.to_owned(),
            json,
            r#"{"issuer": {"marked": 1}}"#,
            400,
            "invalid-body",
        ),
        ("an invalid time", Method::PUT, format!("{users}/{bob}/roles/auditor"), json, bad_end, 400, "invalid-body"),
        ("another media type", Method::POST, accounts.to_owned(), "text/marked", "{}", 415, "unsupported-media-type"),
        ("a body too large", Method::POST, accounts.to_owned(), json, &too_large, 413, "body-too-large"),
        ("a bad id", Method::GET, format!("{users}/marked"), json, "", 400, "invalid-parameter"),
        (
            "an id of another spelling",
            Method::GET,
            format!("{users}/{}", bob.replace('-', "")),
            json,
            "",
            400,
            "invalid-parameter",
        ),
        ("a bad limit", Method::GET, format!("{users}?limit=marked"), json, "", 400, "invalid-parameter"),
        ("a limit too large", Method::GET, format!("{users}?limit=201"), json, "", 400, "invalid-parameter"),
        ("a bad cursor", Method::GET, format!("{users}?cursor=marked"), json, "", 400, "invalid-parameter"),
        ("an unknown parameter", Method::GET, format!("{users}?marked=1"), json, "", 400, "invalid-parameter"),
        ("an unknown role", Method::PUT, bad_role, json, "{}", 404, "not-found"),
        ("an unknown route", Method::GET, "/api/v1/marked".to_owned(), json, "", 404, "not-found"),
        ("an unknown path", Method::GET, "/marked".to_owned(), json, "", 404, "not-found"),
        ("a wrong method", Method::PUT, format!("{users}?marked"), json, "", 405, "method-not-allowed"),
    ];
    for (case, method, path, media_type, body, status, code) in cases {
        let request = app.request(method, &path).bearer(&app.admin());
        let reply = if body.is_empty() { request } else { request.body(media_type, body) }.send().await;
        assert_eq!((reply.status(), reply.problem().as_str()), (status, code), "{case}: {}", reply.text());
        assert!(!reply.text().contains(MARK), "{case}: {}", reply.text());
    }
}

#[actix_web::test]
async fn header_field_of_20_kib_is_refused_whatever_its_name() {
    let app = TestApp::spawn().await;
    let long = "x".repeat(20 * 1024);
    for (name, value) in [("X-Anything", long.clone()), ("Authorization", format!("Bearer {long}"))] {
        let reply = app.request(Method::GET, "/health/live").header(name, &value).send().await;
        assert_eq!((reply.status(), reply.problem().as_str()), (431, "header-too-large"), "{name}");
    }
}

#[actix_web::test]
async fn wrong_method_is_refused_with_the_allowed_ones() {
    let app = TestApp::spawn().await;
    let reply = app.request(Method::DELETE, "/api/v1/me").bearer(&app.admin()).send().await;
    assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, HEAD, PATCH")));
    let public = app.request(Method::POST, "/health/live").send().await;
    assert_eq!((public.status(), public.header("allow")), (405, Some("GET, HEAD")));
    for method in [Method::TRACE, Method::OPTIONS, Method::from_bytes(b"BREW").unwrap()] {
        assert_eq!(app.request(method, "/health/live").send().await.problem(), "method-not-allowed");
    }
}

#[actix_web::test]
async fn requests_without_a_token_cannot_distinguish_api_routes() {
    let app = TestApp::spawn().await;
    for path in [
        "/api/v1/users",
        "/api/v1/no-such-route",
        "/api/",
        "/api/v1//users",
        "/api/v1/users/",
        "/%61pi/v1/users",
        "/%61pi/v1/no-such-route",
    ] {
        let reply = app.get_without_token(path).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (401, "missing-token"), "{path}");
    }
    let wrong_method = app.request(Method::DELETE, "/api/v1/users").send().await;
    assert_eq!(wrong_method.problem(), "missing-token");
    assert_eq!(app.get_without_token("/no-such-page").await.problem(), "not-found");
}

#[actix_web::test]
async fn no_spelling_of_a_path_bypasses_the_guard() {
    let app = TestApp::spawn().await;
    let (_, authority) = app.url().split_once("://").unwrap();
    for target in [
        "//api/v1/users",
        "/./api/v1/users",
        "/health/../api/v1/users",
        "/api/v1/%75sers",
        "/api%2fv1/users",
        "/api/v1/users;a=b",
        "/api/v1/users%00",
        "/API/v1/users",
        "/api/v1/users/.",
    ] {
        let status =
            crate::support::raw::status(authority, &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert!(matches!(status, 400 | 401 | 404), "{target}: {status}");
    }
}

#[actix_web::test]
async fn head_is_answered_like_get_without_the_body() {
    let app = TestApp::spawn().await;
    let head = app.request(Method::HEAD, "/api/v1/me").bearer(&app.admin()).send().await;
    assert_eq!((head.status(), head.text()), (200, ""));
    assert_eq!(app.request(Method::HEAD, "/api/v1/me").send().await.status(), 401);
}

#[actix_web::test]
async fn body_may_be_omitted_where_all_its_members_are_optional() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let disable = app.request(Method::POST, &format!("/api/v1/users/{bob}/disable")).bearer(&app.admin());
    assert_eq!(disable.send().await.json()["disabled_reason"], json!(null));
}

/// PostgreSQL stores no NUL in a text and rejects it in queries as well. Clients must not notice that difference.
#[actix_web::test]
async fn nul_in_a_text_is_a_client_error_on_every_database() {
    let app = TestApp::spawn().await;
    let (bob, admin) = (app.introduce("bob").await, app.admin());
    app.make_role("support", &["profile:read"]).await;
    let user = |path: &str| format!("/api/v1/users/{bob}{path}");
    let (issuer, nul) = (app.idp.url(), "a\0b");
    let new_user = |subject: &str, role: &str, name: &str| {
        let identity = json!({ "issuer": issuer, "subject": subject });
        json!({ "identities": [identity], "roles": [role], "display_name": name, "username": name })
    };
    let account = |client: &str, role: &str| json!({ "issuer": issuer, "client_id": client, "roles": [role] });
    let requests = [
        (Method::GET, "/api/v1/users?q=%00".to_owned(), Value::Null),
        (Method::GET, "/api/v1/users?email=%00".to_owned(), Value::Null),
        (Method::GET, "/api/v1/users?role=%00".to_owned(), Value::Null),
        (Method::GET, "/api/v1/roles/%00".to_owned(), Value::Null),
        (Method::DELETE, "/api/v1/roles/a%00b".to_owned(), Value::Null),
        (Method::PUT, "/api/v1/roles/a%00b".to_owned(), json!({ "summary": "s", "permissions": [] })),
        (Method::PUT, "/api/v1/roles/support".to_owned(), json!({ "summary": nul, "permissions": [] })),
        (Method::PUT, "/api/v1/roles/support".to_owned(), json!({ "summary": "s", "permissions": [nul] })),
        (Method::GET, "/api/v1/audit-events?action=%00".to_owned(), Value::Null),
        (Method::PUT, user("/roles/a%00b"), json!({})),
        (Method::DELETE, user("/roles/a%00b"), Value::Null),
        (Method::DELETE, user("/identities/a%00b"), Value::Null),
        (Method::POST, user("/identities"), json!({ "issuer": issuer, "subject": nul })),
        (Method::POST, user("/disable"), json!({ "reason": nul })),
        (Method::PATCH, user(""), json!({ "given_name": nul })),
        (Method::PATCH, "/api/v1/me".to_owned(), json!({ "display_name": nul })),
        (Method::POST, "/api/v1/users".to_owned(), new_user(nul, "member", "n")),
        (Method::POST, "/api/v1/users".to_owned(), new_user("s", nul, "n")),
        (Method::POST, "/api/v1/users".to_owned(), new_user("s", "member", nul)),
        (Method::POST, "/api/v1/service-accounts".to_owned(), account(nul, "member")),
        (Method::POST, "/api/v1/service-accounts".to_owned(), account("c", nul)),
    ];
    for (method, path, body) in requests {
        let request = app.request(method.clone(), &path).bearer(&admin).header("If-Match", "*");
        let request = if body.is_null() { request } else { request.json(&body) };
        let reply = request.send().await;
        assert!((400..500).contains(&reply.status()), "{method} {path} {body}: {} {}", reply.status(), reply.text());
    }
    let unmatched = app.get("/api/v1/audit-events?target=%00", &admin).await;
    assert!(matches!(unmatched.status(), 200 | 400), "{}", unmatched.text());
    // The usable claims of a provider's token are used.
    let token = app.token("carol").claim("roles", json!([nul, "support"])).claim("name", nul).sign();
    let carol = app.get("/api/v1/me", &token).await;
    assert_eq!((carol.status(), &carol.json()["display_name"]), (200, &Value::Null), "{}", carol.text());
}
