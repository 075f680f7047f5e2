//! Roles.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

const ROLES: &str = "/api/v1/roles";

fn path(name: &str) -> String {
    format!("{ROLES}/{name}")
}

/// Writes a role with a precondition: a field and its value.
async fn put(app: &TestApp, token: &str, name: &str, condition: (&str, &str), permissions: &[&str]) -> Reply {
    let request = app.request(Method::PUT, &path(name)).bearer(token).header(condition.0, condition.1);
    request.json(&json!({ "summary": "Helps.", "permissions": permissions })).send().await
}

async fn delete(app: &TestApp, path: &str, version: &str) -> Reply {
    app.request(Method::DELETE, path).bearer(&app.admin()).header("If-Match", version).send().await
}

#[actix_web::test]
async fn built_in_roles_are_listed_with_their_permissions() {
    let app = TestApp::spawn().await;
    let listed = app.get(ROLES, &app.admin()).await.json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["admin", "auditor", "member", "user-manager"]);
    assert_eq!(listed["items"][2]["permissions"], json!(["profile:read", "profile:write"]));
    let auditor = listed["items"][1]["permissions"].as_array().unwrap();
    assert!(auditor.iter().all(|permission| permission.as_str().unwrap().ends_with(":read")), "{auditor:?}");
    assert_eq!(listed["items"][0]["permissions"].as_array().unwrap().len(), 11);
}

#[actix_web::test]
async fn change_of_a_role_applies_to_the_next_request_of_its_holders() {
    let app = TestApp::spawn().await;
    let made = put(&app, &app.admin(), "support", ("If-None-Match", "*"), &["users:read"]).await;
    assert_eq!((made.status(), made.header("etag")), (201, Some("\"1\"")), "{}", made.text());
    let bob = app.introduce("bob").await;
    let grant = format!("/api/v1/users/{bob}/roles/support");
    assert_eq!(app.put(&grant, &app.admin(), json!({})).await.status(), 200);
    let token = app.token("bob").sign();
    assert_eq!(app.get("/api/v1/users", &token).await.status(), 200);

    let edited = put(&app, &app.admin(), "support", ("If-Match", "\"1\""), &["roles:read"]).await;
    assert_eq!((edited.status(), edited.header("etag")), (200, Some("\"2\"")));
    assert_eq!(app.get("/api/v1/users", &token).await.status(), 403);
    assert_eq!(app.get(ROLES, &token).await.status(), 200);
    let again = put(&app, &app.admin(), "support", ("If-Match", "\"2\""), &["roles:read"]).await;
    assert_eq!(again.header("etag"), Some("\"2\""));
}

#[actix_web::test]
async fn write_of_a_role_requires_a_matching_precondition() {
    let app = TestApp::spawn().await;
    app.make_role("support", &[]).await;
    let body = json!({ "summary": "Helps.", "permissions": [] });
    assert_eq!(app.put(&path("support"), &app.admin(), body).await.problem(), "precondition-required");
    assert_eq!(app.delete(&path("support"), &app.admin()).await.problem(), "precondition-required");
    for (name, condition) in
        [("support", ("If-None-Match", "*")), ("support", ("If-Match", "\"7\"")), ("nothing", ("If-Match", "*"))]
    {
        let refused = put(&app, &app.admin(), name, condition, &[]).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (412, "stale-version"), "{name} {condition:?}");
    }
    assert_eq!(put(&app, &app.admin(), "x", ("If-None-Match", "\"1\""), &[]).await.problem(), "invalid-parameter");
    assert_eq!(delete(&app, &path("support"), "\"7\"").await.status(), 412);
    assert_eq!(delete(&app, &path("support"), "\"1\"").await.status(), 204);
    assert_eq!(app.get(&path("support"), &app.admin()).await.problem(), "not-found");
}

#[actix_web::test]
async fn invalid_role_is_refused_with_the_invalid_member() {
    let app = TestApp::spawn().await;
    let new = ("If-None-Match", "*");
    for (name, permissions, member) in [
        ("support", ["users:marked"], "permissions"),
        ("Support", ["users:read"], "name"),
        ("1st", ["users:read"], "name"),
        ("role:x", ["users:read"], "name"),
    ] {
        let refused = put(&app, &app.admin(), name, new, &permissions).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "invalid-body"));
        assert!(refused.json()["detail"].as_str().unwrap().starts_with(&format!("`{member}` ")), "{}", refused.text());
        assert!(!refused.text().contains("marked"));
    }
}

#[actix_web::test]
async fn assigned_role_is_deleted_only_with_force() {
    let app = TestApp::spawn().await;
    app.make_role("support", &["users:read"]).await;
    let bob = app.introduce("bob").await;
    assert_eq!(app.put(&format!("/api/v1/users/{bob}/roles/support"), &app.admin(), json!({})).await.status(), 200);
    let before = app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await;

    let refused = delete(&app, &path("support"), "*").await;
    assert_eq!((refused.status(), refused.problem().as_str()), (409, "role-granted"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("assigned to 1 principal."), "{}", refused.text());
    assert_eq!(delete(&app, &format!("{}?force=true", path("support")), "*").await.status(), 204);

    let after = app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await;
    let roles = |shown: &Reply| shown.json()["roles"].as_array().unwrap().len();
    assert_eq!((roles(&before), roles(&after)), (2, 1));
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 403);
}

#[actix_web::test]
async fn built_in_roles_cannot_be_deleted_and_protected_ones_not_changed() {
    let app = TestApp::spawn().await;
    for name in ["admin", "auditor", "member", "user-manager"] {
        let refused = delete(&app, &format!("{}?force=true", path(name)), "*").await;
        assert_eq!((refused.status(), refused.problem().as_str()), (409, "built-in-role"), "{name}");
    }
    for name in ["admin", "auditor"] {
        let refused = put(&app, &app.admin(), name, ("If-Match", "*"), &[]).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (409, "built-in-role"), "{name}");
    }
    assert_eq!(put(&app, &app.admin(), "member", ("If-Match", "*"), &["profile:read"]).await.status(), 200);
}

#[actix_web::test]
async fn role_edit_beyond_the_permissions_of_the_editor_is_refused() {
    let app = TestApp::spawn().await;
    app.make_role("role-keeper", &["roles:read", "roles:write", "users:read"]).await;
    app.make_role("operator", &["users:write"]).await;
    let bob = app.introduce("bob").await;
    let grant = format!("/api/v1/users/{bob}/roles/role-keeper");
    assert_eq!(app.put(&grant, &app.admin(), json!({})).await.status(), 200);
    let keeper = app.token("bob").sign();
    assert_eq!(put(&app, &keeper, "reader", ("If-None-Match", "*"), &["users:read"]).await.status(), 201);
    for (name, condition, permissions) in [
        ("writer", ("If-None-Match", "*"), &["users:write"][..]),
        ("auditors", ("If-None-Match", "*"), &["audit:read"]),
        ("operator", ("If-Match", "*"), &[]),
    ] {
        let refused = put(&app, &keeper, name, condition, permissions).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "above-your-rights"), "{name}");
    }
    for added in ["users:write", "audit:read"] {
        let refused = put(&app, &keeper, "role-keeper", ("If-Match", "*"), &["roles:write", added]).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "own-rights"), "{added}");
    }
    let refused = app.request(Method::DELETE, &path("operator")).bearer(&keeper).header("If-Match", "*").send().await;
    assert_eq!(refused.problem(), "above-your-rights");
}

#[actix_web::test]
async fn changes_of_roles_are_audited() {
    let app = TestApp::spawn().await;
    app.make_role("support", &["users:read"]).await;
    assert_eq!(put(&app, &app.admin(), "support", ("If-Match", "*"), &["roles:read"]).await.status(), 200);
    assert_eq!(delete(&app, &path("support"), "*").await.status(), 204);
    let events = app.get("/api/v1/audit-events?target=role:support", &app.admin()).await.json();
    let recorded: Vec<(&Value, &Value)> =
        events["items"].as_array().unwrap().iter().map(|event| (&event["action"], &event["changes"])).collect();
    let (deleted, updated, created) = (json!("role.delete"), json!("role.update"), json!("role.create"));
    assert_eq!(
        recorded,
        [
            (&deleted, &json!({ "grants": 0 })),
            (&updated, &json!({ "added": ["roles:read"], "removed": ["users:read"] })),
            (&created, &json!({ "permissions": ["users:read"] })),
        ]
    );
}
