//! Limits of a client: time, size and request rate.

use portcullis::dev::{Algorithm, SigningKey};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, Setup, TestApp, raw};

const ME: &str = "/api/v1/me";

/// A service with rate limits.
fn limited() -> Setup {
    TestApp::setup().var("RATE_LIMIT_DISABLED", "false")
}

fn assert_limited(reply: &Reply, budget: &str, quota: u32, wait: u32) {
    assert_eq!((reply.status(), reply.problem().as_str()), (429, "rate-limited"), "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some(&*wait.to_string()));
    assert_eq!(reply.header("ratelimit-policy"), Some(&*format!("\"{budget}\";q={quota};w=60")));
    assert_eq!(reply.header("ratelimit"), Some(&*format!("\"{budget}\";r=0;t={wait}")));
    assert_eq!(reply.header("www-authenticate"), None);
}

#[actix_web::test]
async fn address_that_guesses_is_limited_and_its_known_valid_tokens_are_served() {
    let app = limited().var("RATE_LIMIT_FAILURES_PER_MINUTE", "3").spawn().await;
    let (known, narrow) = (app.token("bob").sign(), app.token("bob").scope("profile:read").sign());
    assert_eq!(app.get(ME, &known).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &narrow).await.status(), 403);
    let forged = app.token("bob").signed_by(&SigningKey::generate(Algorithm::Es256)).sign();
    for guess in [&*forged, "guess", "another guess"] {
        assert!(matches!(app.get(ME, guess).await.status(), 400 | 401));
    }
    assert_limited(&app.get(ME, &forged).await, "address", 3, 20);
    assert_limited(&app.get(ME, "guess").await, "address", 3, 20);
    assert_eq!(app.get(ME, &known).await.status(), 200, "a token verified before");
    assert_limited(&app.get(ME, &app.token("carol").sign()).await, "address", 3, 20);
    assert_eq!(app.get("/api/v1/users", &narrow).await.status(), 403, "a valid token without the permission");
    assert_eq!(app.get_without_token(ME).await.status(), 401, "a request without a token is not a guess");
    app.pass(20);
    assert_eq!(app.get(ME, &app.token("carol").sign()).await.status(), 200, "a valid token costs no budget");
    assert_eq!(app.get(ME, &forged).await.status(), 401);
    assert_limited(&app.get(ME, &forged).await, "address", 3, 20);
}

#[actix_web::test]
async fn only_clients_behind_a_trusted_proxy_have_separate_budgets() {
    let send = async |app: &TestApp, forwarded: &str| {
        let request = app.request(Method::GET, ME).bearer("guess").header("X-Forwarded-For", forwarded);
        request.send().await.status()
    };
    let once = || limited().var("RATE_LIMIT_FAILURES_PER_MINUTE", "1");
    let trusting = once().var("SERVER_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8").spawn().await;
    assert_eq!(send(&trusting, "203.0.113.1").await, 401);
    assert_eq!(send(&trusting, "203.0.113.1").await, 429);
    assert_eq!(send(&trusting, "203.0.113.9, 203.0.113.1").await, 429, "only the last address is the proxy's");
    assert_eq!(send(&trusting, "203.0.113.2, 10.0.0.1").await, 401);
    assert_eq!(send(&trusting, "2001:db8::1").await, 401);
    assert_eq!(send(&trusting, "2001:db8::2").await, 429, "the same IPv6 network");

    let without_trusted_proxies = once().spawn().await;
    assert_eq!(send(&without_trusted_proxies, "203.0.113.1").await, 401);
    assert_eq!(send(&without_trusted_proxies, "203.0.113.2").await, 429);
}

#[actix_web::test]
async fn principal_has_one_budget_for_all_its_tokens() {
    let app = limited().var("RATE_LIMIT_REQUESTS_PER_MINUTE", "3").spawn().await;
    let narrow = app.token("bob").scope("profile:read").sign();
    for (path, status) in [(ME, 200), ("/api/v1/users", 403), (ME, 200)] {
        assert_eq!(app.get(path, &narrow).await.status(), status);
    }
    assert_limited(&app.get(ME, &app.token("bob").sign()).await, "principal", 3, 20);
    assert_eq!(app.get(ME, &app.token("carol").sign()).await.status(), 200, "another principal has its own budget");
    app.pass(20);
    assert_eq!(app.get(ME, &narrow).await.status(), 200);
}

#[actix_web::test]
async fn profile_edits_have_a_separate_budget() {
    let app = limited().var("RATE_LIMIT_PROFILE_EDITS_PER_HOUR", "2").spawn().await;
    let edit = async |subject: &str, name: &str| {
        let request = app.request(Method::PATCH, ME).bearer(&app.token(subject).sign()).header("If-Match", "*");
        request.json(&serde_json::json!({ "display_name": name })).send().await
    };
    for name in ["One", "Two"] {
        assert_eq!(edit("bob", name).await.status(), 200);
    }
    let refused = edit("bob", "Three").await;
    assert_eq!((refused.status(), refused.problem().as_str()), (429, "rate-limited"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("1800"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"profile-edits\";q=2;w=3600"));
    assert_eq!(app.get(ME, &app.token("bob").sign()).await.json()["display_name"], "Two", "reading is not limited");
    assert_eq!(edit("carol", "One").await.status(), 200, "another principal has its own budget");
    app.pass(1800);
    assert_eq!(edit("bob", "Four").await.status(), 200);
    assert_eq!(edit("bob", "Five").await.status(), 429);
}

/// The clock stands still, so no budget refills.
#[actix_web::test]
async fn limits_can_be_switched_off() {
    let app = TestApp::setup()
        .var("RATE_LIMIT_FAILURES_PER_MINUTE", "1")
        .var("RATE_LIMIT_REQUESTS_PER_MINUTE", "1")
        .var("RATE_LIMIT_DISABLED", "true")
        .spawn()
        .await;
    let token = app.token("bob").sign();
    for _ in 0..3 {
        assert_eq!(app.get(ME, &token).await.status(), 200);
        assert_eq!(app.get(ME, "guess").await.status(), 401);
    }
}

fn authority(app: &TestApp) -> &str {
    app.url().split_once("://").unwrap().1
}

/// The head of a request whose body is still to come.
fn head(token: &str, fields: &str) -> String {
    let fixed = "Host: localhost\r\nIf-Match: *\r\nContent-Type: application/json";
    format!("PATCH {ME} HTTP/1.1\r\n{fixed}\r\nAuthorization: Bearer {token}\r\n{fields}\r\n\r\n")
}

/// The response to `sent` until the service closes the connection. The client keeps its end open.
async fn answer_and_close(app: &TestApp, sent: &str) -> String {
    let mut stream = TcpStream::connect(authority(app)).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[actix_web::test]
async fn incomplete_head_is_answered_408() {
    let app = TestApp::setup().var("SERVER_HEAD_SECONDS", "1").spawn().await;
    let answer = answer_and_close(&app, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[actix_web::test]
async fn incomplete_body_is_answered_408_and_the_connection_is_closed() {
    // The service drops a connection whose client keeps its end open after this time.
    let app = TestApp::setup().var("SERVER_BODY_SECONDS", "1").var("SERVER_KEEP_ALIVE_SECONDS", "1").spawn().await;
    let token = app.token("bob").sign();
    for (fields, start) in [("Content-Length: 20", "{\"locale\":"), ("Transfer-Encoding: chunked", "5\r\n{\"loc\r\n")] {
        let answer = answer_and_close(&app, &(head(&token, fields) + start)).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-too-slow"), "{fields}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{fields}: {answer}");
    }
}

/// The service does not wait for an unwanted body, so a body can't hold a connection open.
#[actix_web::test]
async fn refused_request_is_answered_without_waiting_for_its_body() {
    let app = TestApp::setup().var("SERVER_KEEP_ALIVE_SECONDS", "1").var("SERVER_FIELD_BYTES", "2048").spawn().await;
    let large = format!("X-Field: {}", "x".repeat(2049));
    for (fields, start) in [("Content-Length: 20", "{\"locale\":"), ("Transfer-Encoding: chunked", "5\r\n{\"loc\r\n")] {
        for (fields, status) in [(fields.to_owned(), "401"), (format!("{fields}\r\n{large}"), "431")] {
            let answer = answer_and_close(&app, &(head("guess", &fields) + start)).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {answer}");
            assert!(answer.contains("\r\nconnection: close\r\n"), "{fields}: {answer}");
        }
    }
}

/// The control: a connection stays open after requests that were read completely.
#[actix_web::test]
async fn connection_stays_open_after_complete_bodies() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").sign();
    app.get(ME, &token).await;
    let body = "{\"locale\":\"en\"}";
    let sized = head(&token, &format!("Content-Length: {}", body.len())) + body;
    let chunked = head(&token, "Transfer-Encoding: chunked") + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let answer = raw::answer(authority(&app), &(sized + &chunked)).await;
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 2, "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");
}

#[actix_web::test]
async fn size_limits_are_as_configured() {
    let app = TestApp::setup().var("SERVER_FIELD_BYTES", "2048").var("SERVER_BODY_BYTES", "1024").spawn().await;
    let field = async |length: usize| {
        app.request(Method::GET, "/health/live").header("X-Field", &"x".repeat(length)).send().await
    };
    assert_eq!(field(2048).await.status(), 204);
    let refused = field(2049).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (431, "header-too-large"));
    assert!(refused.text().contains("2048"));
    let token = app.token("bob").sign();
    app.get(ME, &token).await;
    let body = async |length: usize| {
        let body = format!("{{\"locale\":\"en\"{}}}", " ".repeat(length - 15));
        app.request(Method::PATCH, ME)
            .bearer(&token)
            .header("If-Match", "*")
            .body("application/json", &body)
            .send()
            .await
    };
    assert_eq!(body(1024).await.status(), 200);
    let refused = body(1025).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (413, "body-too-large"));
    assert!(refused.text().contains("1024"));
}
