//! Security headers of responses.

use reqwest::Method;

use crate::support::{Reply, TestApp};

/// The headers of every response that is not a page.
const ALWAYS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

fn assert_security_headers(case: &str, reply: &Reply) {
    for (name, value) in ALWAYS {
        assert_eq!(reply.header(name), Some(*value), "{case}: {name}");
    }
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'none'; frame-ancestors 'none'"),
        "{case}: not the policy for data"
    );
}

#[actix_web::test]
async fn every_response_has_security_headers_whatever_its_status() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").sign();
    for (case, reply) in [
        ("served", app.get("/api/v1/me", &token).await),
        ("without a token", app.get_without_token("/api/v1/me").await),
        ("a wrong token", app.get("/api/v1/me", "guess").await),
        ("forbidden", app.get("/api/v1/users", &token).await),
        ("nowhere", app.get_without_token("/nowhere").await),
        ("a wrong method", app.delete("/health/live", &token).await),
        ("a long field", app.request(Method::GET, "/health/live").header("X-Field", &"x".repeat(17_000)).send().await),
        ("public", app.get_without_token("/health/ready").await),
        ("the API's description", app.get_without_token("/openapi.json").await),
    ] {
        assert_security_headers(case, &reply);
        assert_eq!(reply.header("strict-transport-security"), None, "{case}: the public URL is not https");
    }
}

#[actix_web::test]
async fn service_with_an_https_url_sends_strict_transport_security() {
    let issuer = "https://127.0.0.1:1";
    let app = TestApp::setup()
        .var("SERVER_PUBLIC_URL", "https://api.example.com")
        .var("OIDC_ISSUER", issuer)
        .var("BOOTSTRAP_ADMIN", &format!("{issuer} alice"))
        .spawn()
        .await;
    for reply in [app.get_without_token("/health/live").await, app.get_without_token("/api/v1/me").await] {
        assert_eq!(reply.header("strict-transport-security"), Some("max-age=31536000"));
    }
}

#[actix_web::test]
async fn documentation_page_has_a_minimal_content_security_policy() {
    let plain = TestApp::spawn().await;
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-hashes' \
                  'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; connect-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for file in ["/docs/", "/docs/swagger-ui-bundle.js", "/docs/oauth2-redirect.html"] {
        let page = plain.get_without_token(file).await;
        assert_eq!((page.status(), page.header("content-security-policy")), (200, Some(policy)), "{file}");
        assert!(page.header("permissions-policy").unwrap().contains("camera=()"), "{file}");
    }
    for page in ["/docs/", "/docs/oauth2-redirect.html"] {
        let text = plain.get_without_token(page).await.text().to_owned();
        assert!(!text.contains("<style") && !text.contains("style=\""), "{page} has inline styles: {text}");
        for script in text.match_indices("<script").map(|(at, _)| &text[at..]) {
            assert!(script.split_once('>').unwrap().0.contains("src="), "{page} has an inline script: {text}");
        }
    }

    let signing_in = TestApp::setup().var("OIDC_DOCS_CLIENT_ID", "docs").spawn().await;
    let page = signing_in.get_without_token("/docs/").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains(&format!("connect-src 'self' {};", signing_in.idp.url())), "{policy}");
}
