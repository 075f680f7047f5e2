//! Programs.

use serde_json::json;

use crate::support::TestApp;

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

#[actix_web::test]
async fn a_program_is_let_in_once_an_admin_has_registered_it_within_its_own_roles() {
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
async fn a_machine_token_without_subject_is_named_by_its_client() {
    let app = TestApp::spawn().await;
    let id = app.register_machine("reporter", &["member"]).await;
    let me = app.get("/api/v1/me", &app.machine_token("reporter").without("sub").sign()).await;
    assert_eq!(me.json()["id"], json!(id));
}

#[actix_web::test]
async fn a_registered_program_is_listed_and_shown_with_its_roles() {
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
async fn what_can_t_be_registered_is_refused_by_the_member_at_fault() {
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
async fn a_user_manager_registers_programs_but_gives_them_no_rights_of_admins() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let grant = format!("/api/v1/users/{bob}/roles/user-manager");
    assert_eq!(app.put(&grant, &app.admin(), json!({})).await.status(), 200);
    let manager = app.token("bob").sign();
    let body = |role: &str| json!({ "issuer": app.idp.url(), "client_id": role, "roles": [role] });
    assert_eq!(app.post(SERVICE_ACCOUNTS, &manager, body("auditor")).await.status(), 201);
    assert_eq!(app.post(SERVICE_ACCOUNTS, &manager, body("admin")).await.problem(), "above-your-rights");
}
