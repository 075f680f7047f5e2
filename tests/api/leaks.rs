//! No secret and no personal data reaches the log, at any level, by any route, whatever fails.
//!
//! The service runs in its own process with the log that operators see, at `trace` for the libraries too: this test program runs itself
//! again, for [`drive`] alone. What it sends and receives contains a mark or is noted in a file; the test then searches the output for it.
//! RFC 9700 section 4.9.2, OWASP ASVS 16.2.5.

mod debug;

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use portcullis::actix_web::{App, HttpResponse, HttpServer, rt, web};
use portcullis::dev::TokenBuilder;
use portcullis::{Api, Application, Config, PUBLIC, init_telemetry, op, utoipa};
use reqwest::Method;
use serde_json::{Value, json};

use crate::refusals;
use crate::support::program::Program;
use crate::support::{Request, TestApp, jose, routes};

/// Names the file in which the child process notes what it sent.
const NOTES: &str = "PORTCULLIS_TEST_NOTES";

/// Part of every value that must not be logged.
const MARK: &str = "marked";

/// Required parts of the log: the absence of leaks in an empty log would prove nothing.
const ALSO_LOGGED: [&str; 6] = [
    "\"panicked\"",
    "\"reason\":\"bad-signature\"",
    "the database refused a statement",
    "\"level\":\"TRACE\"",
    "token introspection failed",
    "failed to fetch the key set",
];

#[test]
fn no_secret_or_personal_data_is_logged_whatever_is_requested_and_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    let driven = Command::new(std::env::current_exe().unwrap())
        .args(["leaks::drive", "--exact", "--ignored", "--nocapture"])
        .env(NOTES, &notes)
        .output()
        .unwrap();
    let log = [driven.stdout, driven.stderr].map(|output| String::from_utf8(output).unwrap()).concat();
    let lines: Vec<&str> = log.lines().collect();
    assert!(driven.status.success(), "{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    for route in routes::registered() {
        let line = format!("\"method\":\"{}\",\"route\":\"{}\"", route.method, route.path);
        assert!(log.contains(&line), "{} {} was not requested", route.method, route.path);
    }
    for word in ALSO_LOGGED {
        assert!(log.contains(word), "the log does not contain {word}");
    }
    let notes = std::fs::read_to_string(&notes).unwrap();
    assert!(notes.lines().count() > 500, "{} words were sent", notes.lines().count());
    let mut words: Vec<&str> = notes.lines().chain([MARK]).collect();
    words.sort_unstable();
    words.dedup();
    let leaks: Vec<&str> = lines.into_iter().filter(|line| words.iter().any(|word| line.contains(word))).collect();
    assert!(leaks.is_empty(), "{} lines contain one of {} words:\n{}", leaks.len(), words.len(), leaks.join("\n"));
}

#[test]
fn password_in_an_unusable_database_url_is_not_printed() {
    for command in ["serve", "migrate", "doctor"] {
        let outcome = Program::portcullis()
            .var("DATABASE_URL", "postgres://portcullis:marked-password@127.0.0.1:1/marked")
            .var("OIDC_ISSUER", "http://127.0.0.1:1")
            .var("OIDC_AUDIENCE", "api")
            .var("LOG_LEVEL", "trace")
            .run(&[command]);
        let output = format!("{}{}", outcome.stderr(), outcome.output());
        assert!(!output.contains(MARK), "{output}");
    }
}

/// Sent values that must not be logged.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Notes {
    /// Notes payload and signature of a token; other tokens may have the same header.
    fn token(&self, token: TokenBuilder) -> String {
        let token = token.sign();
        let [_, payload, signature] = jose::segments(&token);
        self.0.borrow_mut().extend([payload.to_owned(), signature.to_owned()]);
        token
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, self.0.borrow().join("\n")).unwrap();
    }
}

/// Panics.
#[utoipa::path(get, path = "", responses((status = 500)))]
async fn panics() -> &'static str {
    panic!("marked by a panic")
}

fn register(api: &mut Api) {
    api.get("/panics", PUBLIC, op!(panics));
}

#[actix_web::test]
#[ignore = "runs in the child process of another test"]
async fn drive() {
    let Some(path) = std::env::var_os(NOTES) else { return };
    let config = Config::from_vars([("LOG_LEVEL", "trace"), ("LOG_FORMAT", "json")]).unwrap();
    // Flushes the log when dropped.
    let _log = init_telemetry(&config);
    let notes = Notes::default();
    let app = spawn().await;
    request_every_route(&app, &notes).await;
    send_invalid_requests(&app, &notes).await;
    let refused = refusals::send_all(&app).await;
    notes.0.borrow_mut().extend(refused);
    fail_at_the_provider(&app, &notes).await;
    fail_at_the_database(&app, &notes).await;
    notes.write(Path::new(&path));
}

async fn spawn() -> TestApp {
    TestApp::setup()
        .application(Application::new().routes(register))
        .var("OIDC_ROLES_CLAIM", "/roles")
        .var("OIDC_OPAQUE", "true")
        .var("OIDC_INTROSPECTION_URL", &format!("{}/introspect", provider()))
        .var("OIDC_INTROSPECTION_CLIENT_ID", "api")
        .var("OIDC_INTROSPECTION_CLIENT_SECRET", "marked-client-secret")
        .var("CORS_ALLOWED_ORIGINS", "https://app.example.com")
        .spawn()
        .await
}

/// An issuer with an introspection endpoint, whose response depends on the token.
fn provider() -> String {
    async fn introspect(form: web::Form<Vec<(String, String)>>) -> HttpResponse {
        let token = form.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone()).unwrap();
        if token.contains("fails") {
            return HttpResponse::InternalServerError().body("marked by the provider");
        }
        if token.contains("nonsense") {
            return HttpResponse::Ok().content_type("application/json").body("marked by the provider");
        }
        let active = json!({
            "active": true, "token_type": "Bearer", "sub": "marked-opaque-subject", "exp": 4_000_000_000_i64, "client_id": "app",
            "aud": crate::support::AUDIENCE, "scope": crate::support::ALL_SCOPES, "email": "marked-opaque@example.test",
            "name": "Marked marked",
        });
        HttpResponse::Ok().json(if token.contains("inactive") { json!({ "active": false }) } else { active })
    }
    let server = HttpServer::new(|| App::new().route("/introspect", web::post().to(introspect)));
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    format!("http://{address}")
}

/// A token of a user whose claims are all marked.
fn marked(app: &TestApp, subject: &str) -> TokenBuilder {
    app.token(subject)
        .claim("name", "Marked marked")
        .claim("given_name", "marked-given")
        .claim("family_name", "marked-family")
        .claim("preferred_username", "marked-user")
        .claim("email", "marked@example.test")
        .claim("roles", json!(["marked-role"]))
        .claim("jti", "marked-jti")
        .claim("anything", json!({ "else": "marked" }))
}

/// Fields that any request may have.
fn with_marked_fields(request: Request) -> Request {
    request
        .header("Cookie", "__Host-session=marked-cookie; session=marked-cookie")
        .header("Origin", "https://marked.example")
        .header("Referer", "https://app.example.com/?code=marked-code")
        .header("User-Agent", "marked-agent")
        .header("X-Forwarded-For", "marked-address")
        .header("traceparent", "marked-trace")
        .header("Idempotency-Key", "marked-key")
        .header("Proxy-Authorization", "Basic marked-basic")
}

async fn request_every_route(app: &TestApp, notes: &Notes) {
    let admin = app.token("alice").claim("email", "marked-admin@example.test").claim("name", "Marked marked");
    let bearers = [
        None,
        Some("marked.marked.marked".to_owned()),
        Some("marked-opaque-token".to_owned()),
        Some("marked-inactive-token".to_owned()),
        Some(notes.token(admin)),
        Some(notes.token(marked(app, "marked-subject"))),
        Some(notes.token(marked(app, "marked-subject").scope("profile:read"))),
        Some(notes.token(marked(app, "marked-late").expires_in(-3600))),
        Some(notes.token(marked(app, "marked-stranger").issuer("https://marked.example"))),
        Some(notes.token(marked(app, "marked-unsigned").kid("marked-kid"))),
    ];
    for route in routes::registered() {
        for bearer in &bearers {
            let request = with_marked_fields(routes::fresh_request(app, &route.method, &route.path).await);
            let request = if let Some(bearer) = bearer { request.bearer(bearer) } else { request };
            request.send().await;
        }
    }
}

/// Invalid paths, queries, bodies and header fields.
async fn send_invalid_requests(app: &TestApp, notes: &Notes) {
    let admin = notes.token(app.token("alice"));
    for path in [
        "/api/v1/users?q=marked-query&email=marked%40example.test&access_token=marked-token",
        "/api/v1/users?cursor=marked-cursor",
        "/api/v1/users?status=marked-status",
        "/api/v1/users/marked-id",
        "/api/v1/users/019f9f5c-0000-7000-8000-000000000000/roles/marked-role?marked=marked",
        "/api/v1/audit-events?target=user:marked&actor=marked",
        "/api/v1/marked-path/marked?access_token=marked-token",
        "/marked-path?code=marked-code&state=marked-state",
        "/panics?marked=marked",
    ] {
        for method in
            [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS, Method::from_bytes(b"MARKED").unwrap()]
        {
            for authorization in [&*format!("Bearer {admin}"), "Bearer marked marked", "Basic marked-basic", "marked"] {
                let request = with_marked_fields(app.request(method.clone(), path));
                request.header("Authorization", authorization).send().await;
            }
        }
    }
    let user = json!({
        "identities": [{ "issuer": app.idp.url(), "subject": "marked-new-subject" }], "display_name": "Marked marked",
        "email": "marked-new@example.test", "username": "marked-name",
    });
    let bodies = [
        user.to_string(),
        user.to_string(),
        json!({ "marked-member": "marked" }).to_string(),
        json!({ "given_name": 7, "identities": "marked", "issuer": ["marked"], "reason": { "marked": 1 } }).to_string(),
        "{\"marked".to_owned(),
        "[".repeat(1000) + "marked",
        format!("{{\"given_name\":\"marked{}\"}}", "x".repeat(300_000)),
    ];
    for (method, path) in [
        (Method::POST, "/api/v1/users"),
        (Method::POST, "/api/v1/users/readmit"),
        (Method::POST, "/api/v1/service-accounts"),
        (Method::PATCH, "/api/v1/me"),
        (Method::PUT, "/api/v1/roles/marked-role"),
    ] {
        for body in &bodies {
            for media_type in ["application/json", "application/x-www-form-urlencoded", "marked/marked"] {
                let request = with_marked_fields(app.request(method.clone(), path)).bearer(&admin);
                request.header("If-Match", "\"marked\"").body(media_type, body).send().await;
            }
        }
    }
    let me = app.request(Method::PATCH, "/api/v1/me").bearer(&notes.token(marked(app, "marked-editor")));
    let edit = json!({ "given_name": "marked-edit", "display_name": "marked-edit", "locale": "marked" });
    me.header("If-Match", "*").json(&edit).send().await;
    let authority = app.url().trim_start_matches("http://").to_owned();
    for head in
        ["GET /marked\r\nmarked: marked\r\n\r\n", "GET / HTTP/1.1\r\nHost: marked\r\nContent-Length: marked\r\n\r\n"]
    {
        crate::support::raw::answer(&authority, head).await;
    }
}

/// All failures of a provider, with tokens that need its keys.
async fn fail_at_the_provider(app: &TestApp, notes: &Notes) {
    for token in ["marked-token-fails", "marked-token-nonsense"] {
        assert_eq!(app.get("/api/v1/me", token).await.status(), 503);
    }
    let unknown_key = async || {
        app.pass(34);
        let token = notes.token(marked(app, "marked-subject").kid("marked-kid"));
        app.get("/api/v1/me", &token).await;
    };
    let mut private: Value = app.idp.key_set();
    private["keys"][0]["d"] = json!("marked-private-half");
    private["keys"][1]["kty"] = json!("marked-kind");
    for document in [private.to_string(), "marked".to_owned(), json!({ "keys": "marked" }).to_string()] {
        app.idp.jwks().serve(document);
        unknown_key().await;
    }
    app.idp.jwks().fail(500);
    unknown_key().await;
    app.idp.jwks().redirect("https://marked.example/");
    unknown_key().await;
    app.idp.jwks().reset();
    app.idp.discovery().serve("marked");
    unknown_key().await;
    app.idp.discovery().reset();
    unknown_key().await;
}

/// Various requests while a table is missing.
async fn fail_at_the_database(app: &TestApp, notes: &Notes) {
    let rename = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to};");
    for table in ["principals", "audit_events"] {
        app.database().execute(&rename(table, "gone"));
        app.notice_external_changes().await;
        let admin = notes.token(app.token("alice").claim("email", "marked-admin@example.test"));
        app.get("/api/v1/users?q=marked", &admin).await;
        app.get("/api/v1/me", &notes.token(marked(app, "marked-newcomer"))).await;
        app.post(
            "/api/v1/users",
            &admin,
            json!({ "identities": [{ "issuer": app.idp.url(), "subject": "marked-x" }] }),
        )
        .await;
        app.get("/health/ready", "marked").await;
        app.database().execute(&rename("gone", table));
    }
}
