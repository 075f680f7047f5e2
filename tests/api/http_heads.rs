//! Heads that never reach the application: the HTTP library refuses them while it reads them, with a bare response, and closes the
//! connection (RFC 9112 sections 2.2, 3, 5 and 6). Two readers of one connection must agree on where a request ends (section 11.2).

use crate::support::{TestApp, raw};

/// A request that would be answered on the same connection if the one before it ended early.
const SMUGGLED: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Asserts a refusal by the HTTP library: no request id, no body, no second response.
fn assert_bare(case: &str, answer: &str, status: u16) {
    let answer = answer.to_ascii_lowercase();
    assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{case}: {answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{case}: {answer}");
    assert!(answer.contains("\r\ncontent-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "{case}: {answer}");
    assert!(!answer.contains("x-request-id"), "{case} reached the application: {answer}");
    assert_eq!(answer.matches("http/1.1 ").count(), 1, "{case}: {answer}");
}

fn authority(app: &TestApp) -> &str {
    app.url().split_once("://").unwrap().1
}

#[actix_web::test]
async fn malformed_heads_are_refused_with_a_bare_400() {
    let app = TestApp::spawn().await;
    let get = "GET /health/live HTTP/1.1\r\n";
    let post = "POST /health/live HTTP/1.1\r\nHost: localhost\r\n";
    let cases = [
        ("no version", "GET /health/live\r\nHost: localhost\r\n\r\n".to_owned()),
        ("no target", "GET HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("an unknown version", "GET /health/live HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned()),
        ("a space in the target", "GET /health /live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("two spaces before the target", "GET  /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("a method that is not a token", "G\"T /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("a control character in the target", "GET /health/\u{1}live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("the preface of HTTP/2 without its settings", "PRI * HTTP/2.0\r\n\r\n".to_owned()),
        ("the start of TLS", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned()),
        ("a field without a colon", format!("{get}Host: localhost\r\nX-Field\r\n\r\n")),
        ("a field without a name", format!("{get}Host: localhost\r\n: value\r\n\r\n")),
        ("a space before the colon", format!("{get}Host: localhost\r\nX-Field : value\r\n\r\n")),
        ("a folded field", format!("{get}Host: localhost\r\nX-Field: one\r\n two\r\n\r\n")),
        ("a space before the first field", format!("{get} Host: localhost\r\n\r\n")),
        ("a NUL in a field", format!("{get}Host: localhost\r\nX-Field: a\0b\r\n\r\n")),
        ("a bare CR in a field", format!("{get}Host: localhost\r\nX-Field: a\rb\r\n\r\n")),
        ("no Host", format!("{get}\r\n")),
        ("two Hosts", format!("{get}Host: localhost\r\nHost: b\r\n\r\n")),
        ("two Hosts that agree", format!("{get}Host: localhost\r\nhost: localhost\r\n\r\n")),
        ("two lengths", format!("{post}Content-Length: 0\r\nContent-Length: 2\r\n\r\n{SMUGGLED}")),
        ("two lengths that agree", format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab{SMUGGLED}")),
        ("two lengths in one field", format!("{post}Content-Length: 2, 2\r\n\r\nab{SMUGGLED}")),
        ("a length with a sign", format!("{post}Content-Length: +2\r\n\r\nab{SMUGGLED}")),
        ("a negative length", format!("{post}Content-Length: -2\r\n\r\n{SMUGGLED}")),
        ("a length in hex", format!("{post}Content-Length: 0x2\r\n\r\nab{SMUGGLED}")),
        ("a length beyond 64 bits", format!("{post}Content-Length: 18446744073709551616\r\n\r\n{SMUGGLED}")),
        (
            "a length and chunks",
            format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        ),
        (
            "chunks and a length",
            format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        ),
        ("an unknown coding", format!("{post}Transfer-Encoding: gzip\r\n\r\n{SMUGGLED}")),
        ("two codings", format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{SMUGGLED}")),
        ("chunks that are not last", format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{SMUGGLED}")),
        (
            "two fields of codings",
            format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        ),
        ("identity as a coding", format!("{post}Transfer-Encoding: identity\r\n\r\n{SMUGGLED}")),
        ("a misspelt coding", format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}")),
        ("chunks in HTTP/1.0", "POST /health/live HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("a body of HTTP/1.0 without its length", "POST /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n".to_owned()),
    ];
    for (case, request) in cases {
        assert_bare(case, &raw::answer(authority(&app), &request).await, 400);
    }
}

#[actix_web::test]
async fn oversized_heads_are_refused_with_a_bare_431() {
    let app = TestApp::spawn().await;
    let start = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n";
    // Incomplete heads: what has arrived is enough to refuse them.
    let endless_field = format!("{start}X-Field: {}", "x".repeat(128 * 1024 - start.len() - "X-Field: ".len()));
    let endless_target = format!("GET /{}", "x".repeat(128 * 1024 - "GET /".len()));
    let many_fields = format!("{start}{}\r\n", "X-Field: x\r\n".repeat(96));
    for (case, request) in
        [("128 KiB of a field", endless_field), ("128 KiB of a target", endless_target), ("97 fields", many_fields)]
    {
        assert_bare(case, &raw::answer(authority(&app), &request).await, 431);
    }
}

/// The control: valid heads reach the application.
#[actix_web::test]
async fn valid_heads_reach_the_application() {
    let app = TestApp::spawn().await;
    let many_fields = format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Field: x\r\n".repeat(95));
    for (case, request) in [
        ("plain", SMUGGLED.to_owned()),
        ("an empty line before it", format!("\r\n{SMUGGLED}")),
        ("no Host in HTTP/1.0", "GET /health/live HTTP/1.0\r\n\r\n".to_owned()),
        ("96 fields", many_fields),
        (
            "a length of its body",
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab".to_owned(),
        ),
        (
            "chunks",
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                .to_owned(),
        ),
    ] {
        let answer = raw::answer(authority(&app), &request).await;
        assert!(answer.contains(" 204 ") && answer.contains("x-request-id"), "{case}: {answer}");
    }
}

/// A request inside a body is part of the body.
#[actix_web::test]
async fn request_inside_a_body_is_not_answered() {
    let app = TestApp::spawn().await;
    let length = SMUGGLED.len();
    let chunk = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    for request in [
        format!("POST /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"),
        format!("POST /health/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
    ] {
        let answer = raw::answer(authority(&app), &request).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}
