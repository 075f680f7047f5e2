//! The caller's own profile and access.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

async fn patch(app: &TestApp, token: &str, etag: &str, body: Value) -> Reply {
    let request = app.request(Method::PATCH, "/api/v1/me").bearer(token).header("If-Match", etag);
    request.body("application/merge-patch+json", &body.to_string()).send().await
}

#[actix_web::test]
async fn profile_shows_the_claims_of_the_provider() {
    let app = TestApp::spawn().await;
    let me = app.get("/api/v1/me", &app.token("bob").sign()).await;
    assert_eq!(me.status(), 200);
    let body = me.json();
    assert_eq!(body["kind"], "human");
    assert_eq!(body["display_name"], "Bob Baker");
    assert_eq!(body["email"], "bob@example.test");
    assert_eq!(body["email_state"], "verified");
    assert_eq!(body["edited"], json!([]));
    assert!(me.header("etag").is_some());
}

#[actix_web::test]
async fn edited_name_stays_until_it_is_reset_to_the_provider() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").sign();
    let etag = app.get("/api/v1/me", &token).await.header("etag").unwrap().to_owned();

    let edited = patch(&app, &token, &etag, json!({ "display_name": "Bobby" })).await;
    assert_eq!(edited.status(), 200, "{}", edited.text());
    assert_eq!(edited.json()["display_name"], "Bobby");
    assert_eq!(edited.json()["edited"], json!(["display_name"]));

    let renamed = app.token("bob").claim("name", "Robert Baker").claim("given_name", "Robert").sign();
    let me = app.get("/api/v1/me", &renamed).await;
    assert_eq!(me.json()["display_name"], "Bobby");
    assert_eq!(me.json()["given_name"], "Robert");

    let reset = patch(&app, &renamed, me.header("etag").unwrap(), json!({ "display_name": null })).await;
    assert_eq!(reset.json()["display_name"], "Robert Baker");
    assert_eq!(reset.json()["edited"], json!([]));
}

#[actix_web::test]
async fn older_token_does_not_overwrite_the_claims_of_a_newer_one() {
    let app = TestApp::spawn().await;
    let older = app.token("bob").sign();
    app.get("/api/v1/me", &older).await;
    app.pass(1);
    let newer = app.token("bob").claim("name", "Robert Baker").claim("email", "robert@example.test").sign();
    let renamed = app.get("/api/v1/me", &newer).await;
    assert_eq!(renamed.json()["display_name"], "Robert Baker");
    for token in [&older, &newer, &older] {
        let me = app.get("/api/v1/me", token).await;
        assert_eq!((me.json(), me.header("etag")), (renamed.json(), renamed.header("etag")));
    }
}

#[actix_web::test]
async fn service_account_cannot_edit_a_profile() {
    let app = TestApp::spawn().await;
    app.register_machine("reporter", &["member"]).await;
    let refused = patch(&app, &app.machine_token("reporter").sign(), "*", json!({ "display_name": "Robot" })).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "not-a-person"));
}

#[actix_web::test]
async fn change_without_or_with_an_old_etag_is_refused_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").sign();
    let old = app.get("/api/v1/me", &token).await.header("etag").unwrap().to_owned();
    assert_eq!(patch(&app, &token, &old, json!({ "given_name": "Bobby" })).await.status(), 200);

    let stale = patch(&app, &token, &old, json!({ "given_name": "Rob" })).await;
    assert_eq!((stale.status(), stale.problem().as_str()), (412, "stale-version"));
    let weak = patch(&app, &token, "W/\"2\"", json!({ "given_name": "Rob" })).await;
    assert_eq!(weak.status(), 412);
    let blind =
        app.request(Method::PATCH, "/api/v1/me").bearer(&token).json(&json!({ "given_name": "Rob" })).send().await;
    assert_eq!((blind.status(), blind.problem().as_str()), (428, "precondition-required"));
    assert_eq!(app.get("/api/v1/me", &token).await.json()["given_name"], "Bobby");

    assert_eq!(patch(&app, &token, "*", json!({ "given_name": "Rob" })).await.status(), 200);
}

#[actix_web::test]
async fn members_owned_by_the_provider_or_the_service_cannot_be_set() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").sign();
    app.introduce("bob").await;
    for member in ["email", "username", "id", "kind", "status", "roles", "issuer", "created_at", "version"] {
        let refused = patch(&app, &token, "*", json!({ member: "marked" })).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "invalid-body"), "{member}");
        assert!(!refused.text().contains("marked"));
    }
    let refused = patch(&app, &token, "*", json!({ "locale": "not a tag" })).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.json()["detail"].as_str().unwrap().contains("locale"));
}

#[actix_web::test]
async fn access_reports_delegated_granted_and_allowed_permissions() {
    let app = TestApp::spawn().await;
    let token = app.token("bob").scope("profile:read users:read").sign();
    let access = app.get("/api/v1/me/access", &token).await.json();
    assert_eq!(access["scopes"], json!(["profile:read", "users:read"]));
    assert_eq!(access["roles"][0]["name"], "member");
    let permission = |name: &str| {
        let permissions = access["permissions"].as_array().unwrap();
        let found = permissions.iter().find(|permission| permission["name"] == name).unwrap();
        (found["allowed"].as_bool().unwrap(), found["delegated"].as_bool().unwrap(), found["granted_by"].clone())
    };
    assert_eq!(permission("profile:read"), (true, true, json!(["member"])));
    assert_eq!(permission("profile:write"), (false, false, json!(["member"])));
    assert_eq!(permission("users:read"), (false, true, json!([])));
    assert_eq!(permission("users:write"), (false, false, json!([])));
}

#[actix_web::test]
async fn missing_scope_is_reported_before_a_missing_role() {
    let app = TestApp::spawn().await;
    let neither = app.get("/api/v1/users", &app.token("bob").scope("profile:read").sign()).await;
    assert_eq!((neither.status(), neither.problem().as_str()), (403, "insufficient-scope"));
    assert_eq!(neither.challenge_parameter("error").as_deref(), Some("insufficient_scope"));
    assert_eq!(neither.challenge_parameter("scope").as_deref(), Some("users:read"));

    let no_role = app.get("/api/v1/users", &app.token("bob").sign()).await;
    assert_eq!((no_role.status(), no_role.problem().as_str()), (403, "missing-permission"));
    assert_eq!(no_role.challenge(), None);
}

#[actix_web::test]
async fn role_from_the_token_counts_only_with_that_token_and_admin_never() {
    let app = TestApp::setup().var("OIDC_ROLES_CLAIM", "/realm_access/roles").spawn().await;
    let with = |roles: Value| app.token("bob").claim("realm_access", json!({ "roles": roles })).sign();
    assert_eq!(app.get("/api/v1/users", &with(json!(["auditor"]))).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &with(json!(["admin"]))).await.status(), 403);
    assert_eq!(app.get("/api/v1/users", &with(json!(["no-such-role"]))).await.status(), 403);
    assert_eq!(app.get("/api/v1/users", &with(json!([]))).await.status(), 403);
    assert_eq!(app.get("/api/v1/users", &app.token("bob").claim("realm_access", "auditor").sign()).await.status(), 403);
}

#[actix_web::test]
async fn first_party_clients_and_roles_only_issuers_need_no_scope() {
    let app = TestApp::setup().var("OIDC_FIRST_PARTY_CLIENTS", "own-app, other-app").spawn().await;
    let token = |client: &str| app.token("alice").client(client).scope("openid").sign();
    assert_eq!(app.get("/api/v1/users", &token("own-app")).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &token("foreign-app")).await.problem(), "insufficient-scope");

    let app = TestApp::setup().var("OIDC_SCOPE_MODE", "roles-only").spawn().await;
    assert_eq!(app.get("/api/v1/users", &app.token("alice").without("scope").sign()).await.status(), 200);
    assert_eq!(
        app.get("/api/v1/users", &app.token("bob").without("scope").sign()).await.problem(),
        "missing-permission"
    );
}

#[actix_web::test]
async fn scope_prefix_is_required_in_tokens_and_added_in_challenges() {
    let app = TestApp::setup().var("OIDC_SCOPE_PREFIX", "api/").spawn().await;
    assert_eq!(app.get("/api/v1/users", &app.token("alice").scope("api/users:read").sign()).await.status(), 200);
    let refused = app.get("/api/v1/users", &app.token("alice").scope("users:read").sign()).await;
    assert_eq!(refused.challenge_parameter("scope").as_deref(), Some("api/users:read"));
    let metadata = app.get_without_token("/.well-known/oauth-protected-resource").await.json();
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("api/users:read")));
}
