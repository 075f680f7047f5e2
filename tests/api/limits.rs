//! How much a client may take: of time, of bytes, and of how often.

use portcullis::dev::{Algorithm, SigningKey};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, Setup, TestApp, raw};

const ME: &str = "/api/v1/me";

/// A service that limits how often a client may ask.
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
async fn address_that_guesses_is_told_to_wait_and_known_good_tokens_from_it_are_served() {
    let app = limited().var("RATE_LIMIT_FAILURES_PER_MINUTE", "3").spawn().await;
    let (known, narrow) = (app.token("bob").sign(), app.token("bob").scope("profile:read").sign());
    assert_eq!(app.get(ME, &known).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &narrow).await.status(), 403);
    let forged = app.token("bob").signed_by(&SigningKey::generate(Algorithm::Es256)).sign();
    for guess in [&*forged, "guess", "an other one"] {
        assert!(matches!(app.get(ME, guess).await.status(), 400 | 401));
    }
    assert_limited(&app.get(ME, &forged).await, "address", 3, 20);
    assert_limited(&app.get(ME, "guess").await, "address", 3, 20);
    assert_eq!(app.get(ME, &known).await.status(), 200, "a token that was proved before");
    assert_limited(&app.get(ME, &app.token("carol").sign()).await, "address", 3, 20);
    assert_eq!(app.get("/api/v1/users", &narrow).await.status(), 403, "one that is good and may not");
    assert_eq!(app.get_without_token(ME).await.status(), 401, "who sends none guesses nothing");
    app.pass(20);
    assert_eq!(app.get(ME, &app.token("carol").sign()).await.status(), 200, "what is good takes nothing");
    assert_eq!(app.get(ME, &forged).await.status(), 401);
    assert_limited(&app.get(ME, &forged).await, "address", 3, 20);
}

#[actix_web::test]
async fn clients_behind_a_trusted_proxy_have_a_budget_each_and_nobody_else_may_choose_theirs() {
    let send = async |app: &TestApp, forwarded: &str| {
        let request = app.request(Method::GET, ME).bearer("guess").header("X-Forwarded-For", forwarded);
        request.send().await.status()
    };
    let once = || limited().var("RATE_LIMIT_FAILURES_PER_MINUTE", "1");
    let trusting = once().var("SERVER_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8").spawn().await;
    assert_eq!(send(&trusting, "203.0.113.1").await, 401);
    assert_eq!(send(&trusting, "203.0.113.1").await, 429);
    assert_eq!(send(&trusting, "203.0.113.9, 203.0.113.1").await, 429, "what is left of the client is its own claim");
    assert_eq!(send(&trusting, "203.0.113.2, 10.0.0.1").await, 401);
    assert_eq!(send(&trusting, "2001:db8::1").await, 401);
    assert_eq!(send(&trusting, "2001:db8::2").await, 429, "one network of IPv6");

    let trusting_nobody = once().spawn().await;
    assert_eq!(send(&trusting_nobody, "203.0.113.1").await, 401);
    assert_eq!(send(&trusting_nobody, "203.0.113.2").await, 429);
}

#[actix_web::test]
async fn a_principal_has_one_budget_whatever_token_and_address_it_comes_with() {
    let app = limited().var("RATE_LIMIT_REQUESTS_PER_MINUTE", "3").spawn().await;
    let narrow = app.token("bob").scope("profile:read").sign();
    for (path, status) in [(ME, 200), ("/api/v1/users", 403), (ME, 200)] {
        assert_eq!(app.get(path, &narrow).await.status(), status);
    }
    assert_limited(&app.get(ME, &app.token("bob").sign()).await, "principal", 3, 20);
    assert_eq!(app.get(ME, &app.token("carol").sign()).await.status(), 200, "everybody else has their own");
    app.pass(20);
    assert_eq!(app.get(ME, &narrow).await.status(), 200);
}

/// One of each, whatever the clock says: it stands still.
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
    let fixed = "Host: a\r\nIf-Match: *\r\nContent-Type: application/json";
    format!("PATCH {ME} HTTP/1.1\r\n{fixed}\r\nAuthorization: Bearer {token}\r\n{fields}\r\n\r\n")
}

/// What is answered to what has been sent, until the service closes the connection. It stays open on this side.
async fn answer_and_close(app: &TestApp, sent: &str) -> String {
    let mut stream = TcpStream::connect(authority(app)).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[actix_web::test]
async fn a_head_that_does_not_end_is_answered_408() {
    let app = TestApp::setup().var("SERVER_HEAD_SECONDS", "1").spawn().await;
    let answer = answer_and_close(&app, "GET /health/live HTTP/1.1\r\nHost: a\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[actix_web::test]
async fn a_body_that_does_not_end_is_answered_408_and_the_connection_is_closed() {
    // A client that keeps its end open is left after this time.
    let app = TestApp::setup().var("SERVER_BODY_SECONDS", "1").var("SERVER_KEEP_ALIVE_SECONDS", "1").spawn().await;
    let token = app.token("bob").sign();
    for (fields, start) in [("Content-Length: 20", "{\"locale\":"), ("Transfer-Encoding: chunked", "5\r\n{\"loc\r\n")] {
        let answer = answer_and_close(&app, &(head(&token, fields) + start)).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-too-slow"), "{fields}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{fields}: {answer}");
    }
}

/// Nobody waits for a body that is not wanted, and nobody can hold a connection by it.
#[actix_web::test]
async fn the_rest_of_a_refused_request_is_not_waited_for() {
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

/// The control: a connection whose requests were read to their ends goes on.
#[actix_web::test]
async fn bodies_that_were_read_leave_the_connection_as_it_is() {
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
async fn sizes_are_as_set() {
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
