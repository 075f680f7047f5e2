//! Roles from claims: a role with administrative permissions counts only if the issuer's settings name it.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Setup, TestApp};

fn setup() -> Setup {
    TestApp::setup().var("OIDC_ROLES_CLAIM", "groups")
}

/// The names of the roles that the service accepts from a token with this claim.
async fn roles(app: &TestApp, groups: serde_json::Value) -> BTreeSet<String> {
    let access = app.get("/api/v1/me/access", &app.token("bob").claim("groups", groups).sign()).await.json();
    access["roles"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[actix_web::test]
async fn claimed_role_with_administrative_permissions_counts_only_if_the_issuer_settings_name_it() {
    let app = setup().spawn().await;
    assert_eq!(roles(&app, json!(["auditor", "user-manager", "admin"])).await, set(&["auditor", "member"]));
    let app = setup().var("OIDC_ADMINISTRATIVE_ROLES", "user-manager").spawn().await;
    assert_eq!(roles(&app, json!(["user-manager", "admin"])).await, set(&["member", "user-manager"]));
    let app = setup().var("OIDC_ALLOW_ADMIN_ROLE", "true").spawn().await;
    assert_eq!(roles(&app, json!(["user-manager", "admin"])).await, set(&["admin", "member"]));
}

#[actix_web::test]
async fn claimed_role_stops_counting_once_it_grants_an_administrative_permission() {
    let app = setup().spawn().await;
    app.make_role("helpers", &["users:read"]).await;
    assert_eq!(roles(&app, json!(["helpers"])).await, set(&["helpers", "member"]));
    let body = json!({ "summary": "Helps.", "permissions": ["users:read", "users:write"] });
    let request = app.request(reqwest::Method::PUT, "/api/v1/roles/helpers").bearer(&app.admin());
    assert_eq!(request.header("If-Match", "*").json(&body).send().await.status(), 200);
    assert_eq!(roles(&app, json!(["helpers"])).await, set(&["member"]));
}

#[actix_web::test]
async fn claim_text_is_one_role_name_unless_a_separator_is_configured() {
    let app = setup().spawn().await;
    assert_eq!(roles(&app, json!("billing auditor")).await, set(&["member"]));
    assert_eq!(roles(&app, json!("auditor")).await, set(&["auditor", "member"]));
    let app = setup().var("OIDC_ROLES_SEPARATOR", "space").spawn().await;
    assert_eq!(roles(&app, json!("billing auditor")).await, set(&["auditor", "member"]));
}

#[actix_web::test]
async fn principal_with_a_claimed_role_is_changed_only_with_its_permissions() {
    let app = setup().var("OIDC_ADMINISTRATIVE_ROLES", "user-manager").spawn().await;
    let bob = app.get("/api/v1/me", &app.token("bob").claim("groups", json!(["user-manager"])).sign()).await;
    let disable = format!("/api/v1/users/{}/disable", bob.json()["id"].as_str().unwrap());
    let narrow = app.token("alice").scope("users:write").sign();
    assert_eq!(app.post(&disable, &narrow, json!({})).await.problem(), "insufficient-scope");
    assert_eq!(app.post(&disable, &app.admin(), json!({})).await.status(), 200);
}
