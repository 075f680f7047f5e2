//! Management of users by administrators.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/users/{id}{rest}")
}

#[actix_web::test]
async fn disabled_user_is_refused_at_once_with_a_valid_token() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let token = app.token("bob").sign();
    let disabled = app.post(&path(&bob, "/disable"), &app.admin(), json!({ "reason": "left" })).await;
    assert_eq!(disabled.status(), 200, "{}", disabled.text());
    assert_eq!(disabled.json()["status"], "disabled");
    assert_eq!(disabled.json()["disabled_reason"], "left");

    let refused = app.get("/api/v1/me", &token).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "principal-disabled"));
    assert_eq!(refused.challenge(), None);

    assert_eq!(app.request(Method::POST, &path(&bob, "/enable")).bearer(&app.admin()).send().await.status(), 200);
    assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token", "tokens issued before stay revoked");
    app.pass(1);
    assert_eq!(app.get("/api/v1/me", &app.token("bob").sign()).await.status(), 200);
}

#[actix_web::test]
async fn revocation_refuses_earlier_tokens_and_accepts_later_ones() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let before = app.token("bob").sign();
    let without_time = app.token("bob").without("iat").sign();
    assert_eq!(app.get("/api/v1/me", &without_time).await.status(), 200);
    assert_eq!(app.request(Method::POST, &path(&bob, "/revoke")).bearer(&app.admin()).send().await.status(), 200);
    for token in [&before, &without_time] {
        let refused = app.get("/api/v1/me", token).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (401, "invalid-token"));
        assert_eq!(refused.challenge_parameter("error").as_deref(), Some("invalid_token"));
    }
    app.pass(1);
    assert_eq!(app.get("/api/v1/me", &app.token("bob").sign()).await.status(), 200);
}

#[actix_web::test]
async fn granted_role_applies_to_the_next_request_and_expires() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let list = || async { app.get("/api/v1/users", &app.token("bob").sign()).await.status() };
    assert_eq!(list().await, 403);
    let until = (app.clock.now() + TimeDelta::minutes(10)).to_rfc3339();
    let granted = app.put(&path(&bob, "/roles/auditor"), &app.admin(), json!({ "expires_at": until })).await;
    assert_eq!(granted.status(), 200, "{}", granted.text());
    assert_eq!(list().await, 200);
    app.pass(601);
    assert_eq!(list().await, 403);

    assert_eq!(app.put(&path(&bob, "/roles/auditor"), &app.admin(), json!({})).await.status(), 200);
    assert_eq!(list().await, 200);
    assert_eq!(app.delete(&path(&bob, "/roles/auditor"), &app.admin()).await.status(), 200);
    assert_eq!(list().await, 403);
}

#[actix_web::test]
async fn administrative_permissions_that_the_caller_lacks_cannot_be_granted_or_affected() {
    let app = TestApp::spawn().await;
    let (bob, eve) = (app.introduce("bob").await, app.introduce("eve").await);
    let alice = app.introduce("alice").await;
    assert_eq!(app.put(&path(&bob, "/roles/user-manager"), &app.admin(), json!({})).await.status(), 200);
    let manager = app.token("bob").sign();
    assert_eq!(app.put(&path(&eve, "/roles/auditor"), &manager, json!({})).await.status(), 200);
    for (method, path) in [
        (Method::PUT, path(&eve, "/roles/admin")),
        (Method::POST, path(&alice, "/disable")),
        (Method::POST, path(&alice, "/revoke")),
        (Method::DELETE, path(&alice, "/roles/admin")),
    ] {
        let refused = app.request(method, &path).bearer(&manager).send().await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "above-your-rights"), "{path}");
    }
    let own = app.put(&path(&bob, "/roles/auditor"), &manager, json!({})).await;
    assert_eq!((own.status(), own.problem().as_str()), (403, "own-rights"));
}

#[actix_web::test]
async fn last_admin_cannot_be_disabled_demoted_or_given_an_expiry() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let until = (app.clock.now() + TimeDelta::minutes(10)).to_rfc3339();
    // An administrator whose grant expires does not count.
    let granted = app.put(&path(&bob, "/roles/admin"), &app.admin(), json!({ "expires_at": until })).await;
    assert_eq!(granted.status(), 200);
    for (method, rest, body) in [
        (Method::POST, "/disable", json!({})),
        (Method::DELETE, "/roles/admin", Value::Null),
        (Method::PUT, "/roles/admin", json!({ "expires_at": until })),
    ] {
        let request = app.request(method, &path(&alice, rest)).bearer(&app.token("bob").sign());
        let refused = if body.is_null() { request } else { request.json(&body) }.send().await;
        assert_eq!((refused.status(), refused.problem().as_str()), (409, "last-admin"), "{rest}");
    }
}

#[actix_web::test]
async fn change_for_another_version_is_refused() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let shown = app.get(&path(&bob, ""), &app.admin()).await;
    let etag = shown.header("etag").unwrap();
    let change =
        |etag: &str| app.request(Method::POST, &path(&bob, "/disable")).bearer(&app.admin()).header("If-Match", etag);
    assert_eq!(change("\"999\"").send().await.problem(), "stale-version");
    assert_eq!(change(etag).send().await.status(), 200);
    assert_eq!(change(etag).send().await.problem(), "stale-version");
}

#[actix_web::test]
async fn repeated_change_changes_nothing() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let disable = || async {
        let reply = app.post(&path(&bob, "/disable"), &app.admin(), json!({})).await;
        (reply.status(), reply.header("etag").unwrap().to_owned())
    };
    let first = disable().await;
    assert_eq!(disable().await, first);
}

#[actix_web::test]
async fn pages_of_the_list_contain_every_user_exactly_once() {
    let app = TestApp::spawn().await;
    let mut expected = vec![app.introduce("alice").await];
    for number in 0..7 {
        expected.push(app.introduce(&format!("user-{number}")).await);
    }
    let (mut found, mut next) = (Vec::new(), Some("/api/v1/users?limit=3".to_owned()));
    while let Some(path) = next {
        let page = app.get(&path, &app.admin()).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let items = page.json()["items"].as_array().unwrap().clone();
        assert!(items.len() <= 3);
        found.extend(items.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        let cursor = page.json()["next_cursor"].as_str().map(str::to_owned);
        let link = page.header("link").map(|link| link.strip_suffix(">; rel=\"next\"").unwrap()[1..].to_owned());
        assert_eq!(cursor.is_some(), link.is_some());
        next = link.map(|link| link.strip_prefix(app.url()).unwrap().to_owned());
    }
    assert_eq!(found, expected);
}

#[actix_web::test]
async fn service_account_and_unknown_id_are_not_users() {
    let app = TestApp::spawn().await;
    let account = app.register_machine("reporter", &[]).await;
    for id in [account.as_str(), "019f9f5c-0000-7000-8000-000000000000"] {
        let missing = app.get(&path(id, ""), &app.admin()).await;
        assert_eq!((missing.status(), missing.problem().as_str()), (404, "not-found"));
        assert_eq!(app.post(&path(id, "/disable"), &app.admin(), json!({})).await.status(), 404);
    }
    let bob = app.introduce("bob").await;
    assert_eq!(app.put(&path(&bob, "/roles/no-such-role"), &app.admin(), json!({})).await.status(), 404);
}
