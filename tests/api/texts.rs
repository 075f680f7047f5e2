//! Texts that users see: without hidden characters, and in one Unicode normalization.

use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;

/// Texts that display as another user's name or as nothing.
const HIDDEN: [&str; 6] =
    ["alice\u{202e}nimda", "al\u{200b}ice", "\u{2066}alice\u{2069}", "alice\u{e000}", "ali\u{2028}ce", "al\u{200d}ice"];

#[actix_web::test]
async fn hidden_characters_are_refused_at_every_route() {
    let app = TestApp::spawn().await;
    let (bob, account) = (app.introduce("bob").await, app.register_machine("reporter", &[]).await);
    let bob_token = app.token("bob").sign();
    let me = app.get("/api/v1/me", &bob_token).await;
    let (user, issuer) = (format!("/api/v1/users/{bob}"), app.idp.url());
    let identities = json!([{ "issuer": issuer, "subject": "carol" }]);
    for text in HIDDEN {
        let requests = [
            (Method::PATCH, "/api/v1/me".to_owned(), json!({ "display_name": text })),
            (Method::PATCH, "/api/v1/me".to_owned(), json!({ "family_name": text })),
            (Method::PATCH, user.clone(), json!({ "given_name": text })),
            (Method::POST, "/api/v1/users".to_owned(), json!({ "identities": identities, "username": text })),
            (Method::POST, "/api/v1/users".to_owned(), json!({ "identities": identities, "email": text })),
            (Method::POST, format!("{user}/disable"), json!({ "reason": text })),
            (Method::PUT, "/api/v1/roles/probe".to_owned(), json!({ "summary": text, "permissions": [] })),
            (Method::POST, "/api/v1/service-accounts".to_owned(), json!({ "issuer": issuer, "client_id": text })),
            (Method::PATCH, format!("/api/v1/service-accounts/{account}"), json!({ "display_name": text })),
        ];
        for (method, path, body) in requests {
            let token = if path == "/api/v1/me" { bob_token.clone() } else { app.admin() };
            let condition = if path.contains("/roles/") { "If-None-Match" } else { "If-Match" };
            let reply =
                app.request(method.clone(), &path).bearer(&token).header(condition, "*").json(&body).send().await;
            assert_eq!((reply.status(), reply.problem().as_str()), (400, "invalid-body"), "{method} {path} {body}");
            assert!(reply.json()["detail"].as_str().unwrap().contains("invisible"), "{}", reply.text());
        }
    }
    assert_eq!(app.get("/api/v1/me", &bob_token).await.json(), me.json(), "the profile is changed");
}

#[actix_web::test]
async fn name_is_stored_and_found_in_one_normalization() {
    let app = TestApp::spawn().await;
    let bob = app.token("bob").sign();
    app.introduce("bob").await;
    let edit = app.request(Method::PATCH, "/api/v1/me").bearer(&bob).header("If-Match", "*");
    let edited = edit.json(&json!({ "display_name": "Zoe\u{308} Mu\u{308}ller" })).send().await;
    assert_eq!(edited.json()["display_name"], "Zo\u{eb} M\u{fc}ller");
    for query in ["Zo%C3%AB", "Zoe%CC%88", "mu%CC%88ller"] {
        let found = app.get(&format!("/api/v1/users?q={query}"), &app.admin()).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{query}");
    }
}

#[actix_web::test]
async fn name_from_the_provider_is_cleaned_and_its_token_is_accepted() {
    let app = TestApp::spawn().await;
    let token =
        app.token("carol").claim("name", "\u{202e}Caro\u{200b}l Zoe\u{308} ").claim("family_name", "\u{200b}").sign();
    for _ in 0..2 {
        let me = app.get("/api/v1/me", &token).await;
        assert_eq!((me.status(), &me.json()["display_name"]), (200, &json!("Carol Zo\u{eb}")), "{}", me.text());
        assert_eq!(me.json()["family_name"], json!(null));
        assert_eq!(me.header("etag"), Some("\"1\""), "one synchronization only");
    }
    let persian = "می\u{200c}خواهم";
    let me = app.get("/api/v1/me", &app.token("dara").claim("name", persian).sign()).await;
    assert_eq!(me.json()["display_name"], persian);
}

#[actix_web::test]
async fn subject_and_client_id_are_compared_without_normalization() {
    let app = TestApp::spawn().await;
    // The same letters, composed and decomposed: two identities.
    let (composed, decomposed) = (app.introduce("zo\u{eb}").await, app.introduce("zoe\u{308}").await);
    assert_ne!(composed, decomposed);
    app.register_machine("re\u{301}porter", &[]).await;
    let known = |client: &str| app.machine_token(client).sign();
    let access = "/api/v1/me/access";
    assert_eq!(app.get(access, &known("re\u{301}porter")).await.status(), 200);
    assert_eq!(app.get(access, &known("r\u{e9}porter")).await.problem(), "unknown-principal");
}
