//! A refused principal is cached as an admitted one is: a repeated refusal costs no query, and any change that affects it takes effect with
//! the next request.

use portcullis::dev::TokenBuilder;
use reqwest::Method;
use serde_json::json;

use super::place::{ME, Place, Work};

/// Asserts that a token is refused with this problem, and that repeating the request costs nothing.
async fn assert_cached(place: &Place, token: &str, problem: &str) {
    let status = if problem == "invalid-token" { 401 } else { 403 };
    assert_eq!(place.app.get(ME, token).await.problem(), problem);
    let before = place.work().await;
    for _ in 0..5 {
        let reply = place.app.get(ME, token).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (status, problem));
    }
    assert_eq!(place.work().await.since(before), Work::NONE, "{problem}");
}

async fn with_large_budget() -> Place {
    Place::with_budget(1_000).await
}

async fn link_identity(place: &Place, path: &str, body: serde_json::Value) {
    let made = place.app.post(path, &place.app.admin(), body).await;
    assert!(matches!(made.status(), 200 | 201), "{path}: {}", made.text());
}

fn path_of(id: &str, act: &str) -> String {
    format!("/api/v1/users/{id}/{act}")
}

#[actix_web::test]
async fn disabled_user_costs_no_query_and_is_accepted_once_enabled() {
    let place = with_large_budget().await;
    let bob = place.app.introduce("bob").await;
    place.act(&path_of(&bob, "disable")).await;
    assert_cached(&place, &place.app.token("bob").sign(), "principal-disabled").await;
    place.act(&path_of(&bob, "enable")).await;
    place.app.pass(2);
    assert_eq!(place.app.get(ME, &place.app.token("bob").sign()).await.status(), 200);
}

#[actix_web::test]
async fn deleted_user_costs_no_query_and_is_accepted_once_restored() {
    let place = with_large_budget().await;
    let bob = place.app.introduce("bob").await;
    let deleted = place.app.request(Method::DELETE, &format!("/api/v1/users/{bob}")).bearer(&place.app.admin());
    assert_eq!(deleted.header("If-Match", "*").send().await.status(), 204);
    assert_cached(&place, &place.app.token("bob").sign(), "principal-deleted").await;
    place.act(&path_of(&bob, "restore")).await;
    place.app.pass(2);
    assert_eq!(place.app.get(ME, &place.app.token("bob").sign()).await.status(), 200);
}

#[actix_web::test]
async fn revoked_token_costs_no_query_along_with_a_newer_valid_one() {
    let place = with_large_budget().await;
    let old = place.app.token("bob").sign();
    let bob = place.app.introduce("bob").await;
    place.act(&path_of(&bob, "revoke")).await;
    assert_cached(&place, &old, "invalid-token").await;
    place.app.pass(1);
    let new = place.app.token("bob").sign();
    assert_eq!(place.app.get(ME, &new).await.status(), 200);
    assert_cached(&place, &old, "invalid-token").await;
    assert_eq!(place.app.get(ME, &new).await.status(), 200);
}

#[actix_web::test]
async fn expired_account_costs_no_query_and_is_accepted_once_extended() {
    let place = with_large_budget().await;
    let app = &place.app;
    app.register_machine("job", &[]).await;
    let token = || app.machine_token("job").sign();
    assert_eq!(app.get("/api/v1/me/access", &token()).await.status(), 200);
    let accounts = app.get("/api/v1/service-accounts", &app.admin()).await.json();
    let path = format!("/api/v1/service-accounts/{}", accounts["items"][0]["id"].as_str().unwrap());
    let end = |end: serde_json::Value| {
        let patch = app.request(Method::PATCH, &path).bearer(&app.admin()).header("If-Match", "*");
        patch.json(&json!({ "expires_at": end })).send()
    };
    assert_eq!(end(json!((app.clock.now() + chrono::TimeDelta::seconds(5)).to_rfc3339())).await.status(), 200);
    app.pass(6);
    assert_cached(&place, &token(), "principal-disabled").await;
    let extended = end(json!(null)).await;
    assert_eq!(extended.status(), 200, "{}", extended.text());
    app.pass(2);
    assert_eq!(app.get("/api/v1/me/access", &token()).await.status(), 200);
}

#[actix_web::test]
async fn unregistered_service_account_costs_no_query_and_is_accepted_once_registered() {
    let place = with_large_budget().await;
    let token = place.app.machine_token("job").sign();
    assert_cached(&place, &token, "unknown-principal").await;
    // Changes of other principals do not invalidate the refusal.
    let before = place.work().await;
    place.app.introduce("bob").await;
    let with_first_contact = place.work().await.since(before).transactions;
    assert_eq!(place.app.get(ME, &token).await.problem(), "unknown-principal");
    assert_eq!(place.work().await.since(before).transactions, with_first_contact);
    place.app.register_machine("job", &[]).await;
    assert_eq!(place.app.get("/api/v1/me/access", &token).await.status(), 200);
}

/// Covers each way in which an unknown identity becomes known.
#[actix_web::test]
async fn unknown_user_costs_no_query_and_is_accepted_once_created_or_linked() {
    let place = Place::with(1_000, |setup| setup.var("OIDC_JIT", "off")).await;
    let app = &place.app;
    let token = |subject: &str| -> TokenBuilder { app.token(subject) };
    let (bob, too) = (token("bob").sign(), token("bob-too").sign());
    assert_cached(&place, &bob, "unknown-principal").await;
    assert_cached(&place, &too, "unknown-principal").await;
    let identity = |subject: &str| json!({ "issuer": app.idp.url(), "subject": subject });
    let made = app.post("/api/v1/users", &app.admin(), json!({ "identities": [identity("bob")] })).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    assert_eq!(app.get(ME, &bob).await.status(), 200);
    assert_cached(&place, &too, "unknown-principal").await;
    let path = format!("/api/v1/users/{}/identities", made.json()["id"].as_str().unwrap());
    link_identity(&place, &path, identity("bob-too")).await;
    app.pass(2);
    assert_eq!(app.get(ME, &token("bob-too").sign()).await.status(), 200);
}

#[actix_web::test]
async fn change_by_another_process_invalidates_a_cached_refusal() {
    let place = with_large_budget().await;
    let token = place.app.machine_token("job").sign();
    assert_cached(&place, &token, "unknown-principal").await;
    let before = place.work().await;
    // As if the command line had written.
    place.app.notice_external_changes().await;
    place.app.pass(61);
    place.app.get(ME, &token).await;
    assert!(place.work().await.since(before).transactions >= 1.0, "a cached refusal expires after a minute");
}

#[actix_web::test]
async fn refused_principal_has_the_budget_of_an_admitted_one_and_leaves_half_of_its_address() {
    let place = Place::with(10, |setup| setup.var("RATE_LIMIT_REQUESTS_PER_MINUTE", "3")).await;
    let app = &place.app;
    place.create_and("bob", "disable").await;
    let token = app.token("bob").sign();
    let statuses = async |token: &str| {
        let mut reasons = Vec::new();
        for _ in 0..8 {
            let reply = app.get(ME, token).await;
            reasons.push(reply.header("ratelimit-policy").map_or(reply.problem(), str::to_owned));
        }
        reasons
    };
    let disabled = "principal-disabled".to_owned();
    let problems = statuses(&token).await;
    // One of the three requests was made before the user was disabled; the refusal that reads the database is not counted.
    assert_eq!(problems.iter().filter(|reason| **reason == disabled).count(), 3, "{problems:?}");
    assert!(problems[3..].iter().all(|reason| reason == "\"principal\";q=3;w=60"), "{problems:?}");
    let problems = statuses(&app.machine_token("job").sign()).await;
    assert!(problems.contains(&"\"address\";q=10;w=60".to_owned()), "{problems:?}");
    assert_eq!(app.get(ME, &app.token("carol").sign()).await.status(), 200, "the other half of the budget is left");
}
