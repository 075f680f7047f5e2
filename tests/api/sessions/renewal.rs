//! The refresh of sessions at the provider: seldom, once for all replicas, and without losing a session.

use portcullis::dev::SESSION_CLIENT;
use serde_json::json;

use super::browser::{Browser, KEY, replica_of, signed_in, spawn};
use crate::support::TestApp;

const TEN_MINUTES: u64 = 600;

fn token_requests(app: &TestApp) -> usize {
    app.idp.token_endpoint().requests()
}

#[actix_web::test]
async fn session_is_refreshed_every_ten_minutes_and_not_more_often() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let before = token_requests(&app);
    app.pass(TEN_MINUTES - 1);
    assert_eq!(browser.who().await.status(), 200);
    assert_eq!(token_requests(&app), before);
    for more in 1..4 {
        app.pass(TEN_MINUTES);
        for _ in 0..3 {
            assert_eq!(browser.who().await.status(), 200);
        }
        assert_eq!(token_requests(&app), before + more);
    }
}

#[actix_web::test]
async fn two_replicas_refresh_a_session_once_and_both_continue() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let second = replica_of(&app, KEY).await;
    let before = token_requests(&app);
    app.pass(TEN_MINUTES);
    app.idp.token_endpoint().hold();
    let mut all: Vec<Browser> = (0..6).map(|_| browser.copy()).collect();
    all.iter_mut().skip(3).for_each(|browser| browser.url.clone_from(&second));
    let answers = futures_util::future::join_all(all.iter_mut().map(Browser::who));
    let release = async {
        app.idp.token_endpoint().wait_for_requests(before + 1).await;
        // Requests that do not refresh are answered meanwhile.
        let mut other = browser.copy();
        other.url.clone_from(&second);
        assert_eq!(other.who().await.status(), 200);
        app.idp.token_endpoint().release();
    };
    let (answers, ()) = futures_util::future::join(answers, release).await;
    assert!(answers.iter().all(|answer| answer.status() == 200), "{answers:?}");
    assert_eq!(token_requests(&app), before + 1);
    // If a refresh token had been used twice, the provider would have revoked its successors.
    app.pass(TEN_MINUTES);
    assert_eq!(browser.copy().who().await.status(), 200);
    assert_eq!(token_requests(&app), before + 2);
}

#[actix_web::test]
async fn session_that_the_provider_revokes_ends() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    // Signed out at the provider, without a back-channel logout.
    let hint = hint_of(&app, &mut browser.copy()).await;
    let mut again = signed_in(&app, "bob").await;
    let url = format!("{}/logout?id_token_hint={hint}", app.idp.url());
    assert_eq!(crate::support::client().get(url).send().await.unwrap().status(), 200);
    assert_eq!(again.who().await.status(), 200, "the session has not been refreshed yet");
    app.pass(TEN_MINUTES);
    assert_eq!(again.who().await.problem(), "session-ended");
    assert_eq!(browser.who().await.problem(), "session-ended");
}

/// Signs out and returns the ID token hint of the redirect to the provider.
async fn hint_of(_app: &TestApp, browser: &mut Browser<'_>) -> String {
    let out = browser.scripted(reqwest::Method::POST, "/auth/logout");
    assert_eq!(browser.send(out).await.status(), 200);
    let next = super::location(&browser.get("/auth/logout").await);
    super::parameter(&next, "id_token_hint").unwrap()
}

#[actix_web::test]
async fn session_survives_an_outage_of_the_provider_for_an_hour_and_no_longer() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    app.pass(TEN_MINUTES);
    for status in [500, 503, 429] {
        app.idp.token_endpoint().fail(status);
        assert_eq!(browser.who().await.status(), 200, "{status}");
        app.pass(60);
    }
    let failed = token_requests(&app);
    assert_eq!(browser.who().await.status(), 200);
    assert_eq!(browser.who().await.status(), 200);
    assert_eq!(token_requests(&app), failed + 1, "a failed refresh is not repeated at once");
    for _ in 0..2 {
        app.pass(28 * 60);
        assert_eq!(browser.who().await.status(), 200);
    }
    app.pass(60);
    assert_eq!(browser.who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn session_survives_an_outage_that_ends_in_time() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    app.pass(TEN_MINUTES);
    app.idp.token_endpoint().fail(503);
    assert_eq!(browser.who().await.status(), 200);
    app.idp.token_endpoint().reset();
    for _ in 0..6 {
        app.pass(20 * 60);
        assert_eq!(browser.who().await.status(), 200);
    }
}

#[actix_web::test]
async fn refresh_completes_after_its_browser_has_disconnected() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let before = token_requests(&app);
    app.pass(TEN_MINUTES);
    app.idp.token_endpoint().hold();
    let (leaving, mut staying) = (browser.copy(), browser.copy());
    let request = leaving.request(reqwest::Method::GET, "/auth/session").send();
    let asking = app.idp.token_endpoint().wait_for_requests(before + 1);
    // The request is dropped, and its connection closed, once the provider has received the refresh.
    futures_util::future::select(Box::pin(request), Box::pin(asking)).await;
    app.idp.token_endpoint().release();
    // The result of the refresh is stored although no request waits for it.
    while staying.who().await.json()["session"]["confirmed_at"] != "2030-01-02T03:14:05Z" {}
    for more in 2..4 {
        app.pass(TEN_MINUTES);
        assert_eq!(browser.who().await.status(), 200);
        assert_eq!(token_requests(&app), before + more);
    }
}

#[actix_web::test]
async fn session_ended_during_its_refresh_stays_ended() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let before = token_requests(&app);
    app.pass(TEN_MINUTES);
    app.idp.token_endpoint().hold();
    let (mut asking, mut leaving) = (browser.copy(), browser.copy());
    let leave = async {
        app.idp.token_endpoint().wait_for_requests(before + 1).await;
        let out = leaving.scripted(reqwest::Method::POST, "/auth/logout");
        assert_eq!(leaving.send(out).await.status(), 200);
        app.idp.token_endpoint().release();
    };
    let (who, ()) = futures_util::future::join(asking.who(), leave).await;
    assert_eq!(who.problem(), "session-ended");
    assert_eq!(browser.copy().who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn session_without_a_refresh_token_ends_with_the_access_token() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let nonce = super::parameter(&page, "nonce").unwrap();
    let id_token = app.idp.token().subject("bob").audience(SESSION_CLIENT).claim("nonce", nonce);
    let answer = json!({
        "access_token": app.token("bob").sign(),
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": id_token.without("client_id").header("typ", "JWT").sign(),
    });
    app.idp.token_endpoint().serve(answer.to_string());
    browser.arrive(&back).await;
    assert_eq!(browser.who().await.json()["session"]["ends_at"], "2030-01-02T03:09:05Z");
    app.pass(299);
    assert_eq!(browser.who().await.status(), 200);
    app.pass(1);
    assert_eq!(browser.who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn session_never_changes_its_user() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    app.pass(TEN_MINUTES);
    let id_token = app.idp.token().subject("carol").audience(SESSION_CLIENT).without("client_id").header("typ", "JWT");
    let answer = json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": id_token.sign() });
    app.idp.token_endpoint().serve(answer.to_string());
    assert_eq!(browser.who().await.problem(), "session-ended");
    let users = app.get("/api/v1/users", &app.admin()).await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 2, "only bob and alice are provisioned: {users}");
}

/// The number of ten-minute periods, at most seven, for which a session of bob lasts that began with roles from the provider. The provider
/// answers each refresh with `answer`.
async fn tens_of_minutes(app: &TestApp, roles: serde_json::Value, answer: impl Fn() -> serde_json::Value) -> u32 {
    let mut browser = Browser::new(app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let first = json!({
        "access_token": app.token("bob").claim("roles", roles).sign(), "token_type": "Bearer", "expires_in": 300,
        "id_token": super::tokens::id_token(&app.idp, &page).subject("bob").sign(), "refresh_token": "first",
    });
    app.idp.token_endpoint().serve(first.to_string());
    browser.arrive(&back).await;
    let mut lasted = 0;
    while lasted < 7 {
        app.pass(TEN_MINUTES);
        app.idp.token_endpoint().serve(answer().to_string());
        let who = browser.who().await;
        if who.status() != 200 {
            assert_eq!(who.problem(), "session-ended");
            break;
        }
        lasted += 1;
    }
    app.idp.token_endpoint().reset();
    lasted
}

#[actix_web::test]
async fn session_with_provider_roles_ends_an_hour_after_the_last_confirmation() {
    let app = super::browser::setup().var("OIDC_ROLES_CLAIM", "roles").spawn().await;
    let without_roles = || json!({ "access_token": "opaque", "token_type": "Bearer" });
    let with_roles = || {
        let access_token = app.token("bob").claim("roles", json!(["auditor"])).sign();
        json!({ "access_token": access_token, "token_type": "Bearer" })
    };
    assert_eq!(tens_of_minutes(&app, json!(["auditor"]), without_roles).await, 5, "the sixth refresh is after an hour");
    assert_eq!(tens_of_minutes(&app, json!([]), without_roles).await, 7, "local roles are read each time");
    assert_eq!(tens_of_minutes(&app, json!(["auditor"]), with_roles).await, 7);
    let longer = super::browser::setup().var("OIDC_ROLES_CLAIM", "roles").var("SESSION_ROLES_SECONDS", "7200");
    assert_eq!(tens_of_minutes(&longer.spawn().await, json!(["auditor"]), without_roles).await, 7);
}
