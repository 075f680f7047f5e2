//! Provisioning at the first request of a principal.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::TestApp;

#[actix_web::test]
async fn two_hundred_concurrent_first_requests_create_one_user() {
    let app = TestApp::spawn().await;
    let admin = app.admin();
    let users_before = app.get("/api/v1/users", &admin).await.json()["items"].as_array().unwrap().len();
    let token = app.token("newcomer").sign();
    let replies = join_all((0..200).map(|_| app.get("/api/v1/me", &token))).await;
    let ids: std::collections::BTreeSet<String> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.status(), 200, "{}", reply.text());
            reply.json()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1);
    let users = app.get("/api/v1/users", &admin).await.json()["items"].as_array().unwrap().len();
    assert_eq!(users, users_before + 1);
}

#[actix_web::test]
async fn new_user_is_pending_or_refused_as_configured() {
    let app = TestApp::setup().var("OIDC_JIT", "pending").spawn().await;
    let token = app.token("bob").sign();
    assert_eq!(app.get("/api/v1/me", &token).await.problem(), "principal-pending");
    let waiting = app.get("/api/v1/users", &app.admin()).await.json();
    let bob = waiting["items"].as_array().unwrap().iter().find(|user| user["username"] == "bob").unwrap().clone();
    assert_eq!(bob["status"], "pending");
    let path = format!("/api/v1/users/{}/enable", bob["id"].as_str().unwrap());
    assert_eq!(app.post(&path, &app.admin(), json!({})).await.status(), 200);
    assert_eq!(app.get("/api/v1/me", &token).await.status(), 200);

    let app = TestApp::setup().var("OIDC_JIT", "off").spawn().await;
    let stranger = app.get("/api/v1/me", &app.token("bob").sign()).await;
    assert_eq!((stranger.status(), stranger.problem().as_str()), (403, "unknown-principal"));
    assert_eq!(stranger.challenge(), None);
}

#[actix_web::test]
async fn same_subject_as_user_and_as_service_account_is_two_principals() {
    let app = TestApp::spawn().await;
    let user = app.introduce("reporter").await;
    let unknown = app.get("/api/v1/me", &app.machine_token("reporter").sign()).await;
    assert_eq!(unknown.problem(), "unknown-principal");
    let account = app.register_machine("reporter", &["member"]).await;
    assert_ne!(user, account);
    let me = app.get("/api/v1/me", &app.machine_token("reporter").sign()).await.json();
    assert_eq!((me["id"].as_str().unwrap(), &me["kind"]), (account.as_str(), &json!("machine")));
}

#[actix_web::test]
async fn users_are_identified_by_subject_and_never_by_email() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let twin = app.token("bob-2").claim("email", "bob@example.test").claim("email_verified", true).sign();
    let twin_id = app.get("/api/v1/me", &twin).await.json()["id"].clone();
    assert_ne!(twin_id, json!(bob));
    let moved = app.token("bob").claim("email", "new@example.test").sign();
    assert_eq!(app.get("/api/v1/me", &moved).await.json()["id"], json!(bob));
}

#[actix_web::test]
async fn bootstrap_admin_promotes_only_its_user_and_only_without_an_admin() {
    let app = TestApp::spawn().await;
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 403);
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.status(), 200);

    // Bob becomes the second admin and revokes alice's role: the setting does not grant it again.
    let bob = app.introduce("bob").await;
    let alice = app.introduce("alice").await;
    assert_eq!(app.put(&format!("/api/v1/users/{bob}/roles/admin"), &app.admin(), json!({})).await.status(), 200);
    let taken = app.delete(&format!("/api/v1/users/{alice}/roles/admin"), &app.token("bob").sign()).await;
    assert_eq!(taken.status(), 200, "{}", taken.text());
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.status(), 403);
}
