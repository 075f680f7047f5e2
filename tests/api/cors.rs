//! Pages of other origins: which responses they may read, and the answers to preflights (Fetch standard, section 3.2).

use std::collections::BTreeSet;

use portcullis::Config;
use reqwest::Method;

use crate::support::{Reply, TestApp};

const APP: &str = "https://app.example.com";
const OTHER_APP: &str = "http://localhost:5173";
const FOREIGN: &str = "https://foreign.example";

async fn spawn() -> TestApp {
    TestApp::setup().var("CORS_ALLOWED_ORIGINS", &format!("{APP},{OTHER_APP}")).spawn().await
}

async fn get(app: &TestApp, path: &str, origin: &str, token: Option<&str>) -> Reply {
    let request = app.request(Method::GET, path).header("Origin", origin);
    token.into_iter().fold(request, |request, token| request.bearer(token)).send().await
}

async fn preflight(app: &TestApp, origin: &str, method: &str, fields: &str) -> Reply {
    let request = app.request(Method::OPTIONS, "/api/v1/me").header("Origin", origin);
    let request = request.header("Access-Control-Request-Method", method);
    request.header("Access-Control-Request-Headers", fields).send().await
}

fn list(reply: &Reply, name: &str) -> BTreeSet<String> {
    reply.header(name).unwrap_or_default().split(',').map(|item| item.trim().to_ascii_lowercase()).collect()
}

#[track_caller]
fn assert_readable(reply: &Reply, origin: &str) {
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{reply:?}");
    assert!(list(reply, "vary").contains("origin"), "caches must not reuse it for other origins: {reply:?}");
    let exposed = list(reply, "access-control-expose-headers");
    for field in ["www-authenticate", "etag", "link", "location", "retry-after", "x-request-id", "ratelimit"] {
        assert!(exposed.contains(field), "{field} is not exposed: {exposed:?}");
    }
    assert_eq!(reply.header("access-control-allow-credentials"), None, "cookies are not accepted across origins");
}

#[actix_web::test]
async fn page_of_an_allowed_origin_reads_responses() {
    let app = spawn().await;
    for origin in [APP, OTHER_APP] {
        let me = get(&app, "/api/v1/me", origin, Some(&app.admin())).await;
        assert_eq!(me.status(), 200, "{}", me.text());
        assert_readable(&me, origin);
        assert_readable(&get(&app, "/.well-known/oauth-protected-resource", origin, None).await, origin);
    }
}

#[actix_web::test]
async fn page_of_an_allowed_origin_reads_refusals() {
    let app = spawn().await;
    let bob = app.token("bob").sign();

    let missing = get(&app, "/api/v1/me", APP, None).await;
    assert_eq!((missing.status(), missing.problem().as_str()), (401, "missing-token"));
    assert!(missing.challenge().is_some());
    let expired = get(&app, "/api/v1/me", APP, Some("no-token")).await;
    assert_eq!(expired.status(), 401);
    let forbidden = get(&app, "/api/v1/users", APP, Some(&bob)).await;
    assert_eq!((forbidden.status(), forbidden.problem().as_str()), (403, "missing-permission"));
    let unknown = get(&app, "/no/such/path", APP, None).await;
    assert_eq!((unknown.status(), unknown.problem().as_str()), (404, "not-found"));
    let body = app.request(Method::PATCH, "/api/v1/me").header("Origin", APP).bearer(&bob).body("text/plain", "no");
    let body = body.send().await;
    assert!((400..500).contains(&body.status()), "{body:?}");
    let large = app.request(Method::GET, "/api/v1/me").header("Origin", APP).header("X-Large", &"a".repeat(20_000));
    let large = large.send().await;
    assert_eq!(large.problem(), "header-too-large");

    for reply in [missing, expired, forbidden, unknown, body, large] {
        assert_readable(&reply, APP);
    }
}

#[actix_web::test]
async fn page_of_an_allowed_origin_reads_server_errors() {
    let app = TestApp::setup().var("CORS_ALLOWED_ORIGINS", APP).spawn_after(|idp| {
        idp.discovery().fail(500);
        idp.jwks().fail(500);
    });
    let app = app.await;
    let reply = get(&app, "/api/v1/me", APP, Some(&app.admin())).await;
    assert_eq!((reply.status(), reply.problem().as_str()), (503, "keys-unavailable"));
    assert!(reply.header("retry-after").is_some());
    assert_readable(&reply, APP);
}

#[actix_web::test]
async fn page_of_an_allowed_origin_reads_rate_limits() {
    let limited = TestApp::setup().var("CORS_ALLOWED_ORIGINS", APP).var("RATE_LIMIT_DISABLED", "false");
    let limited = limited.var("RATE_LIMIT_FAILURES_PER_MINUTE", "1").var("RATE_LIMIT_REQUESTS_PER_MINUTE", "1");
    let app = limited.spawn().await;
    let bob = app.token("bob").sign();
    for (token, before) in [(&*bob, 200), ("guess", 401)] {
        assert_eq!(get(&app, "/api/v1/me", APP, Some(token)).await.status(), before);
        let reply = get(&app, "/api/v1/me", APP, Some(token)).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (429, "rate-limited"), "{}", reply.text());
        assert!(reply.header("retry-after").is_some() && reply.header("ratelimit").is_some(), "{reply:?}");
        assert_readable(&reply, APP);
    }
}

#[actix_web::test]
async fn page_of_any_other_origin_reads_nothing() {
    let app = spawn().await;
    let with_a_slash = format!("{APP}/");
    for origin in
        [FOREIGN, "null", "*", "https://app.example.com.foreign.example", "http://app.example.com", &with_a_slash]
    {
        for path in ["/api/v1/me", "/no/such/path"] {
            let reply = get(&app, path, origin, Some(&app.admin())).await;
            assert_eq!(reply.header("access-control-allow-origin"), None, "{origin} {path}");
            assert!(list(&reply, "vary").contains("origin"), "{reply:?}");
        }
        let refused = preflight(&app, origin, "GET", "authorization").await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "cross-origin"), "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[actix_web::test]
async fn preflight_allows_the_methods_and_fields_of_the_api_and_is_cacheable() {
    let app = spawn().await;
    let fields = "authorization,content-type,if-match,if-none-match,idempotency-key,x-request-id,x-requested-with";
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let allowed = preflight(&app, APP, method, fields).await;
        assert_eq!((allowed.status(), allowed.text()), (200, ""), "{method}");
        assert_eq!(allowed.header("access-control-allow-origin"), Some(APP));
        assert!(list(&allowed, "access-control-allow-methods").contains(&method.to_ascii_lowercase()));
        let taken = list(&allowed, "access-control-allow-headers");
        assert!(fields.split(',').all(|field| taken.contains(field)), "{taken:?}");
        assert_eq!(allowed.header("access-control-max-age"), Some("7200"));
        assert_eq!(allowed.header("access-control-allow-credentials"), None);
    }
}

#[actix_web::test]
async fn preflight_for_a_forbidden_method_or_field_is_refused() {
    let app = spawn().await;
    for (method, fields) in [("TRACE", "authorization"), ("GET", "x-forwarded-for"), ("GET", "cookie")] {
        let refused = preflight(&app, APP, method, fields).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "cross-origin"), "{method} {fields}");
    }
}

#[actix_web::test]
async fn without_allowed_origins_cors_is_off() {
    let app = TestApp::spawn().await;
    let me = get(&app, "/api/v1/me", APP, Some(&app.admin())).await;
    assert_eq!((me.status(), me.header("access-control-allow-origin"), me.header("vary")), (200, None, None));
    let options = preflight(&app, APP, "GET", "authorization").await;
    // The same as for any request without a token.
    assert_eq!((options.status(), options.problem().as_str()), (401, "missing-token"));
}

#[actix_web::test]
async fn request_without_origin_gets_no_cors_headers() {
    let app = spawn().await;
    let me = app.get("/api/v1/me", &app.admin()).await;
    assert_eq!((me.status(), me.header("access-control-allow-origin")), (200, None));
    let options = app.request(Method::OPTIONS, "/api/v1/me").send().await;
    assert_eq!(options.problem(), "missing-token");
}

#[actix_web::test]
async fn wildcard_origin_is_a_configuration_error() {
    for wildcard in ["*", "https://app.example.com,https://*.example.com"] {
        let faults = Config::from_vars([("CORS_ALLOWED_ORIGINS", wildcard)]).unwrap_err().to_string();
        assert!(faults.contains("CORS_ALLOWED_ORIGINS") && faults.contains("wildcard"), "{faults}");
    }
}

#[actix_web::test]
async fn documentation_signs_in_at_the_provider_with_the_configured_client() {
    let app =
        TestApp::setup().var("OIDC_DOCS_CLIENT_ID", "docs-client").var("OIDC_DOCS_PARAMETERS", "audience=the+api");
    let app = app.spawn().await;
    let settings = app.get_without_token("/docs/swagger-initializer.js").await;
    for expected in ["\"docs-client\"", "\"usePkceWithAuthorizationCodeGrant\": true", "\"users:read\"", "\"the api\""]
    {
        assert!(settings.text().contains(expected), "{expected} is missing from {}", settings.text());
    }
    assert!(settings.text().contains("\"openapi.json\"") && !settings.text().contains("client_secret"));
    assert_eq!(app.get_without_token("/docs/oauth2-redirect.html").await.status(), 200);

    let document = app.get_without_token("/docs/openapi.json").await.json();
    let flow = &document["components"]["securitySchemes"]["sign-in"]["flows"]["authorizationCode"];
    assert_eq!(flow["authorizationUrl"], format!("{}/authorize", app.idp.url()));
    assert_eq!(flow["tokenUrl"], format!("{}/token", app.idp.url()));
    assert!(flow["scopes"]["users:read"].is_string(), "{flow}");
    let list = &document["paths"]["/api/v1/users"]["get"]["security"];
    assert_eq!(list, &serde_json::json!([{ "sign-in": ["users:read"] }, { "bearer": ["users:read"] }]));
    let live = &document["paths"]["/health/live"]["get"]["security"];
    assert_eq!(live, &serde_json::json!([{}]), "a public route stays public");
}

#[actix_web::test]
async fn documentation_is_served_during_a_provider_outage_and_retries_rarely() {
    let setup = TestApp::setup().var("OIDC_DOCS_CLIENT_ID", "docs-client");
    let app = setup.spawn_after(|idp| idp.discovery().fail(500)).await;
    // The key set sends one request too.
    app.get_with_unknown_key().await;
    let asked = app.idp.discovery().requests();
    for _ in 0..3 {
        let document = app.get_without_token("/docs/openapi.json").await;
        assert_eq!(
            (document.status(), &document.json()["components"]["securitySchemes"]["sign-in"]),
            (200, &().into())
        );
    }
    assert_eq!(app.idp.discovery().requests(), asked + 1, "unauthenticated requests cause one fetch");
    app.idp.discovery().reset();
    app.pass(31);
    let document = app.get_without_token("/docs/openapi.json").await.json();
    assert!(document["components"]["securitySchemes"]["sign-in"].is_object(), "{document}");
}
