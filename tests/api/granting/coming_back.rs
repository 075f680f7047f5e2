//! Credentials issued before a principal was disabled, deleted or expired stay refused after it is admitted again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sessions::browser::{Browser, signed_in, spawn};
use crate::support::TestApp;

/// An administrator's request about one user or service account.
#[derive(Clone, Copy, Debug)]
enum Step {
    Post(&'static str),
    Delete,
    /// Sets the account's expiry, in seconds from now.
    Expires(i64),
    NeverExpires,
    /// Waits until the account has expired.
    Wait,
}

impl Step {
    async fn perform(self, app: &TestApp, path: &str) {
        let end = |end: Value| json!({ "expires_at": end });
        let later = |seconds| (app.clock.now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339();
        let (method, suffix, body) = match self {
            Self::Post(action) => (Method::POST, format!("/{action}"), json!({})),
            Self::Delete => (Method::DELETE, String::new(), json!({})),
            Self::Expires(seconds) => (Method::PATCH, String::new(), end(json!(later(seconds)))),
            Self::NeverExpires => (Method::PATCH, String::new(), end(Value::Null)),
            Self::Wait => return app.pass(120),
        };
        let request = app.request(method, &format!("{path}{suffix}")).bearer(&app.admin());
        let reply = request.header("If-Match", "*").json(&body).send().await;
        assert!((200..300).contains(&reply.status()), "{self:?}: {} {}", reply.status(), reply.text());
    }
}

/// Steps that end access, each with the steps that restore it.
const CYCLES: [(&[Step], &[Step]); 5] = [
    (&[Step::Post("disable")], &[Step::Post("enable")]),
    (&[Step::Delete], &[Step::Post("restore")]),
    (&[Step::Post("disable"), Step::Delete], &[Step::Post("restore"), Step::Post("enable")]),
    (&[Step::Expires(-60)], &[Step::NeverExpires, Step::Expires(3_600)]),
    (&[Step::Expires(60), Step::Wait], &[Step::NeverExpires]),
];

/// Ends and restores access. Returns a second later, so that new tokens are distinguished from earlier ones.
async fn end_and_restore(app: &TestApp, path: &str, out: &[Step], back: &[Step]) {
    for step in out.iter().chain(back) {
        step.perform(app, path).await;
    }
    app.pass(1);
}

#[actix_web::test]
async fn earlier_cookie_and_token_stay_refused_after_access_is_restored() {
    let app = spawn().await;
    for (number, (out, back)) in CYCLES.into_iter().enumerate() {
        let mut browser = signed_in(&app, "bob").await;
        let subject = format!("client-of-{number}");
        let id = browser.who().await.json()["id"].as_str().unwrap().to_owned();
        let token = app.token(&subject).sign();
        let other = app.get("/api/v1/me", &token).await.json()["id"].as_str().unwrap().to_owned();
        let mut stolen = browser.copy();

        end_and_restore(&app, &format!("/api/v1/users/{id}"), out, back).await;
        assert_eq!(stolen.get("/api/v1/me").await.problem(), "session-ended", "{out:?}, then {back:?}");
        assert_eq!(browser.get("/api/v1/me").await.problem(), "session-ended", "{out:?}, then {back:?}");

        end_and_restore(&app, &format!("/api/v1/users/{other}"), out, back).await;
        assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token", "{out:?}, then {back:?}");
        assert_eq!(app.get("/api/v1/me", &app.token(&subject).sign()).await.status(), 200, "a new token is accepted");
    }
}

#[actix_web::test]
async fn user_disabled_and_enabled_can_sign_in_again() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let id = browser.who().await.json()["id"].as_str().unwrap().to_owned();
    end_and_restore(&app, &format!("/api/v1/users/{id}"), &[Step::Post("disable")], &[Step::Post("enable")]).await;
    let mut again = Browser::new(&app);
    again.sign_in("bob").await;
    assert_eq!(again.get("/api/v1/me").await.status(), 200);
}

#[actix_web::test]
async fn earlier_token_of_a_service_account_stays_refused_after_access_is_restored() {
    let app = TestApp::spawn().await;
    for (number, (out, back)) in CYCLES.into_iter().enumerate() {
        let client = format!("robot-{number}");
        let id = app.register_machine(&client, &["member"]).await;
        let token = app.machine_token(&client).sign();
        assert_eq!(app.get("/api/v1/me", &token).await.status(), 200);
        end_and_restore(&app, &format!("/api/v1/service-accounts/{id}"), out, back).await;
        assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token", "{out:?}, then {back:?}");
        assert_eq!(app.get("/api/v1/me", &app.machine_token(&client).sign()).await.status(), 200);
    }
}

#[actix_web::test]
async fn own_account_cannot_be_extended() {
    let app = TestApp::spawn().await;
    let (alice, carol) = (app.introduce("alice").await, app.introduce("carol").await);
    let granted = app.put(&format!("/api/v1/users/{carol}/roles/admin"), &app.admin(), json!({})).await;
    assert_eq!(granted.status(), 200);
    Step::Expires(600).perform(&app, &format!("/api/v1/users/{carol}")).await;
    let set = async |id: &str, token: &str, end: Value| {
        let request = app.request(Method::PATCH, &format!("/api/v1/users/{id}")).bearer(token);
        request.header("If-Match", "*").json(&json!({ "expires_at": end })).send().await
    };
    let carol_token = app.token("carol").sign();
    let at = |seconds| json!((app.clock.now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339());
    assert_eq!(set(&carol, &carol_token, Value::Null).await.problem(), "own-rights");
    assert_eq!(set(&carol, &carol_token, at(601)).await.problem(), "own-rights");
    assert_eq!(set(&carol, &carol_token, at(599)).await.status(), 200, "the own account can be shortened");
    assert_eq!(set(&carol, &app.admin(), Value::Null).await.status(), 200, "another administrator extends it");
    assert_eq!(app.get(&format!("/api/v1/users/{alice}"), &carol_token).await.status(), 200);
}
