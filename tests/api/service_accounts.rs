//! Service accounts.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

#[actix_web::test]
async fn service_account_is_accepted_once_registered_and_within_its_roles() {
    let app = TestApp::spawn().await;
    let token = app.machine_token("reporter").sign();
    let unknown = app.get("/api/v1/users", &token).await;
    assert_eq!((unknown.status(), unknown.problem().as_str()), (403, "unknown-principal"));
    assert!(unknown.json()["detail"].as_str().unwrap().contains("client id"), "{}", unknown.text());

    app.register_machine("reporter", &["auditor"]).await;
    assert_eq!(app.get("/api/v1/users", &token).await.status(), 200);
    let narrow = app.machine_token("reporter").scope("profile:read").sign();
    assert_eq!(app.get("/api/v1/users", &narrow).await.problem(), "insufficient-scope");
    let body = json!({ "issuer": app.idp.url(), "client_id": "other" });
    assert_eq!(app.post(SERVICE_ACCOUNTS, &token, body).await.problem(), "missing-permission");
}

#[actix_web::test]
async fn machine_token_without_subject_is_identified_by_its_client_id() {
    let app = TestApp::spawn().await;
    let id = app.register_machine("reporter", &["member"]).await;
    let me = app.get("/api/v1/me", &app.machine_token("reporter").without("sub").sign()).await;
    assert_eq!(me.json()["id"], json!(id));
}

#[actix_web::test]
async fn registered_service_account_is_listed_and_shown_with_its_roles() {
    let app = TestApp::spawn().await;
    let id = app.register_machine("reporter", &["auditor"]).await;
    let listed = app.get(SERVICE_ACCOUNTS, &app.admin()).await.json();
    assert_eq!(listed["items"][0]["client_id"], "reporter");
    assert_eq!(listed["items"][0]["display_name"], "reporter");
    let shown = app.get(&format!("{SERVICE_ACCOUNTS}/{id}"), &app.admin()).await;
    assert_eq!(shown.json()["roles"][0]["name"], "auditor");
    assert!(shown.header("etag").is_some());
    let bob = app.introduce("bob").await;
    assert_eq!(app.get(&format!("{SERVICE_ACCOUNTS}/{bob}"), &app.admin()).await.problem(), "not-found");
}

#[actix_web::test]
async fn invalid_registration_is_refused_with_the_invalid_member() {
    let app = TestApp::spawn().await;
    app.register_machine("reporter", &[]).await;
    let issuer = app.idp.url();
    for (body, status, word) in [
        (json!({ "issuer": issuer, "client_id": "reporter" }), 409, "client_id"),
        (json!({ "issuer": "https://elsewhere.example", "client_id": "marked" }), 400, "issuer"),
        (json!({ "issuer": issuer, "client_id": "" }), 400, "client_id"),
        (json!({ "issuer": issuer, "client_id": "a\u{0}b" }), 400, "client_id"),
        (json!({ "issuer": issuer }), 400, "client_id"),
        (json!({ "issuer": issuer, "client_id": "x", "kind": "human" }), 400, "expected"),
        (json!({ "issuer": issuer, "client_id": "x", "roles": ["no-such-role"] }), 400, "roles"),
    ] {
        let refused = app.post(SERVICE_ACCOUNTS, &app.admin(), body).await;
        assert_eq!(refused.status(), status, "{}", refused.text());
        assert!(refused.json()["detail"].as_str().unwrap().contains(word), "{}", refused.text());
        assert!(!refused.text().contains("marked"));
    }
}

#[actix_web::test]
async fn user_manager_registers_service_accounts_but_not_with_admin_roles() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let grant = format!("/api/v1/users/{bob}/roles/user-manager");
    assert_eq!(app.put(&grant, &app.admin(), json!({})).await.status(), 200);
    let manager = app.token("bob").sign();
    let body = |role: &str| json!({ "issuer": app.idp.url(), "client_id": role, "roles": [role] });
    assert_eq!(app.post(SERVICE_ACCOUNTS, &manager, body("auditor")).await.status(), 201);
    assert_eq!(app.post(SERVICE_ACCOUNTS, &manager, body("admin")).await.problem(), "above-your-rights");
}

#[actix_web::test]
async fn service_account_is_edited_by_version_and_refused_after_its_expiry() {
    let app = TestApp::spawn().await;
    let id = app.register_machine("reporter", &["auditor"]).await;
    let path = format!("{SERVICE_ACCOUNTS}/{id}");
    let patch = async |version: Option<&str>, body: serde_json::Value| {
        let request = app.request(Method::PATCH, &path).bearer(&app.admin());
        let request = version.iter().fold(request, |request, version| request.header("If-Match", version));
        request.json(&body).send().await
    };
    assert_eq!(patch(None, json!({})).await.problem(), "precondition-required");
    assert_eq!(patch(Some("\"9\""), json!({ "display_name": "x" })).await.problem(), "stale-version");
    let until = (app.clock.now() + TimeDelta::minutes(1)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let edited = patch(Some("\"1\""), json!({ "display_name": "Nightly", "expires_at": until })).await;
    assert_eq!((edited.status(), edited.header("etag")), (200, Some("\"2\"")), "{}", edited.text());
    assert_eq!((&edited.json()["display_name"], &edited.json()["expires_at"]), (&json!("Nightly"), &json!(until)));
    let status = async || app.get("/api/v1/users", &app.machine_token("reporter").sign()).await.status();
    assert_eq!(status().await, 200);
    app.pass(61);
    assert_eq!(status().await, 403);
    assert_eq!(patch(Some("*"), json!({ "expires_at": null })).await.json()["expires_at"], json!(null));
    app.pass(1);
    assert_eq!(status().await, 200);
}

#[actix_web::test]
async fn disabled_service_account_is_refused_and_a_temporary_role_expires() {
    let app = TestApp::spawn().await;
    let id = app.register_machine("reporter", &[]).await;
    let path = |rest: &str| format!("{SERVICE_ACCOUNTS}/{id}{rest}");
    let status = async || app.get("/api/v1/users", &app.machine_token("reporter").sign()).await.status();
    let until = (app.clock.now() + TimeDelta::minutes(1)).to_rfc3339();
    let granted = app.put(&path("/roles/auditor"), &app.admin(), json!({ "expires_at": until })).await;
    assert_eq!(granted.json()["roles"][0]["name"], "auditor", "{}", granted.text());
    assert_eq!(status().await, 200);
    app.post(&path("/disable"), &app.admin(), json!({ "reason": "leaked" })).await;
    let refused = app.get("/api/v1/users", &app.machine_token("reporter").sign()).await;
    assert_eq!(refused.problem(), "principal-disabled");
    assert_eq!(app.get(&path(""), &app.admin()).await.json()["disabled_reason"], "leaked");
    assert_eq!(app.request(Method::POST, &path("/enable")).bearer(&app.admin()).send().await.status(), 200);
    app.pass(1);
    assert_eq!(status().await, 200);
    app.pass(60);
    assert_eq!(status().await, 403);
    let user = app.introduce("bob").await;
    let of_user = format!("{SERVICE_ACCOUNTS}/{user}/disable");
    assert_eq!(app.post(&of_user, &app.admin(), json!({})).await.problem(), "not-found");
}

#[actix_web::test]
async fn repeated_registration_returns_the_first_response() {
    let app = TestApp::spawn().await;
    let register = |client_id: &'static str| {
        let body = json!({ "issuer": app.idp.url(), "client_id": client_id });
        let request = app.request(reqwest::Method::POST, "/api/v1/service-accounts").bearer(&app.admin());
        request.header("Idempotency-Key", "registration-1").json(&body).send()
    };
    let first = register("reporter").await;
    let again = register("reporter").await;
    assert_eq!((first.status(), again.status(), again.text()), (201, 201, first.text()));
    let address = first.header("location").unwrap();
    assert_eq!(app.get(address, &app.admin()).await.json()["id"], first.json()["id"]);
    assert_eq!(register("other").await.problem(), "idempotency-key-reused");
}
