//! The log of the real program.

use portcullis::dev::{Issuer, IssuerOptions};
use serde_json::{Value, json};

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, client, raw};

/// A service that logs at every level, and its issuer.
async fn spawn() -> (Service, Issuer) {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let service = trusting_proxy(Program::portcullis()).trusting(&idp).var("LOG_LEVEL", "trace").serve();
    (service, idp)
}

/// A program that trusts the request ids of this test, as those of a proxy.
fn trusting_proxy(program: Program) -> Program {
    program.var("SERVER_TRUSTED_PROXIES", "127.0.0.1/32")
}

/// Sends a request and returns its line of the access log, with everything logged until then.
async fn ask(
    service: &Service,
    id: &str,
    method: reqwest::Method,
    path: &str,
    fields: &[(&str, &str)],
) -> (Value, String) {
    let mut request = client().request(method, format!("{}{path}", service.url())).header("X-Request-Id", id);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], id, "the id of a trusted proxy is the request's own");
    service.logged(|event| event["target"] == "portcullis::access" && event["request_id"] == id)
}

#[actix_web::test]
async fn request_is_logged_in_one_line_with_route_status_and_caller() {
    let (service, idp) = spawn().await;
    let bearer = format!("Bearer {}", idp.token().subject("bob").scope(ALL_SCOPES).sign());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fields = [("Authorization", &*bearer), ("traceparent", parent)];
    let (line, _) = ask(&service, "request-0001", reqwest::Method::GET, "/api/v1/me", &fields).await;
    assert_eq!((&line["method"], &line["route"], &line["status"]), (&json!("GET"), &json!("/api/v1/me"), &json!(200)));
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(line["principal"].as_str().is_some_and(|id| id.len() == 36), "{line}");
    assert!(line["issuer"].is_string() && line["bytes"].as_u64() > Some(0) && line["duration_us"].is_u64(), "{line}");

    let refused = [("Authorization", "Bearer e30.e30.e30")];
    let path = "/api/v1/users/019f9f5c-0000-7000-8000-000000000000";
    let (line, _) = ask(&service, "request-0002", reqwest::Method::GET, path, &refused).await;
    assert_eq!((&line["route"], &line["status"]), (&json!("/api/v1/users/{id}"), &json!(401)));
    assert!(line["reason"].is_string() && line["principal"].is_null(), "{line}");

    let (line, _) = ask(&service, "request-0003", reqwest::Method::GET, "/no/such/route", &[]).await;
    assert_eq!((&line["route"], &line["status"]), (&json!("unknown"), &json!(404)));
}

#[actix_web::test]
async fn request_id_of_an_untrusted_sender_is_logged_separately() {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let service = Program::portcullis().trusting(&idp).var("SERVER_TRUSTED_PROXIES", "192.0.2.0/24").serve();
    let get = client().get(format!("{}/api/v1/me", service.url())).header("X-Request-Id", "request-0001");
    let answer = get.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(id, "request-0001");
    let (line, log) = service.logged(|event| event["target"] == "portcullis::access" && event["request_id"] == *id);
    assert_eq!(line["client_request_id"], "request-0001");
    assert_eq!(log.matches("request-0001").count(), 1, "{log}");
}

#[actix_web::test]
async fn every_line_of_a_request_has_its_id_once_whether_or_not_the_filter_names_spans() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const ON_DATABASE_THREAD: &str = "ignoring administrative role";
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for level in ["info", "info,portcullis=debug", "info,[request]=debug"] {
        let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
        let program = trusting_proxy(Program::portcullis()).trusting(&idp).var("OIDC_ROLES_CLAIM", "/roles");
        let (service, before) = program.var("LOG_LEVEL", level).serve_with_log();
        let token = idp.token().subject("bob").scope(ALL_SCOPES).claim("roles", json!(["admin"]));
        let bearer = format!("Bearer {}", token.sign());
        let fields = [("Authorization", &*bearer), ("traceparent", &*parent)];
        let (_, mut log) = ask(&service, "request-0001", reqwest::Method::GET, "/api/v1/me", &fields).await;
        // Warnings have a queue of their own, so this one may follow the access line.
        if !log.contains(ON_DATABASE_THREAD) {
            let is_it =
                |event: &Value| event["message"].as_str().is_some_and(|text| text.starts_with(ON_DATABASE_THREAD));
            log.push_str(&service.logged(is_it).1);
        }
        let lines = |word: &str| log.lines().filter(|line| line.contains(word)).map(str::to_owned).collect::<Vec<_>>();
        let (contact, answered) = (lines("first contact"), lines("\"portcullis::access\""));
        assert_eq!((contact.len(), answered.len()), (1, 1), "{level}: {log}");
        let on_database_thread = lines(ON_DATABASE_THREAD);
        for line in contact.iter().chain(&answered).chain(&on_database_thread) {
            assert_eq!(line.matches("\"request_id\":\"request-0001\"").count(), 1, "{level}: {line}");
            assert_eq!(line.matches(&format!("\"trace_id\":\"{TRACE}\"")).count(), 1, "{level}: {line}");
        }
        assert!(before.contains("listening") && !before.contains("request_id"), "{level}: {before}");
    }
}

#[actix_web::test]
async fn malformed_requests_are_counted_and_not_logged_as_errors() {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    for (level, lines) in [("info", 0), ("info,actix_http=debug", 3)] {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let program = Program::portcullis().trusting(&idp).var("LOG_LEVEL", level).var("SERVER_MANAGEMENT_BIND", &free);
        let service = program.serve();
        let authority = service.url().strip_prefix("http://").unwrap().to_owned();
        for head in ["GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n"] {
            assert_eq!(raw::status(&authority, head).await, 400);
        }
        let metrics = client().get(format!("http://{free}/metrics")).send().await.unwrap().text().await.unwrap();
        let counted = "portcullis_http_connection_errors_total{kind=\"malformed\"} 3";
        assert!(metrics.contains(counted), "{level}: {metrics}");
        service.terminate();
        let (_, log, _folder) = service.end();
        assert!(!log.contains("\"level\":\"ERROR\""), "{level}: {log}");
        assert_eq!(log.matches("stream error").count(), lines, "{level}: {log}");
    }
}

/// RFC 9700 section 4.9.2, OWASP ASVS 16.2.5: applies to every part of a request, at the highest level of detail.
#[actix_web::test]
async fn no_part_of_a_request_is_logged() {
    let (service, idp) = spawn().await;
    let token = idp.token().subject("marked-subject").scope(ALL_SCOPES).claim("name", "marked name");
    let token = token.claim("email", "marked@example.test").sign();
    let bearer = format!("Bearer {token}");
    let mut log = String::new();
    let path = "/api/v1/users/marked-path?access_token=marked-query";
    let cases =
        [("Bearer marked-opaque", "fields-0001"), ("Basic marked-basic", "fields-0002"), (&*bearer, "fields-0003")];
    for method in [reqwest::Method::GET, reqwest::Method::POST, reqwest::Method::PATCH] {
        for (authorization, id) in cases {
            let fields = [
                ("Authorization", authorization),
                ("Cookie", "session=marked-cookie"),
                ("traceparent", "marked-trace"),
            ];
            log.push_str(&ask(&service, id, method.clone(), path, &fields).await.1);
        }
    }
    assert_eq!(log.matches("\"portcullis::access\"").count(), 9, "one line for each request");
    assert!(log.contains("TRACE"), "the log has no TRACE line");
    let signature = token.rsplit_once('.').unwrap().1;
    for word in ["marked", signature] {
        let line = log.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "{word:?} is in the log: {line:?}");
    }
}
