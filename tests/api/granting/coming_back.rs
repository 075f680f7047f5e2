//! Shutting out is final: what was issued before stays refused, whichever way the principal was shut out and let in again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sessions::browser::{Browser, signed_in, spawn};
use crate::support::TestApp;

/// An administrator's request about one user or service account.
#[derive(Clone, Copy, Debug)]
enum Way {
    Post(&'static str),
    Delete,
    /// Sets when the account ends, in seconds from now.
    Ends(i64),
    EndsNever,
    /// Lets the end of the account come by itself.
    Wait,
}

impl Way {
    async fn take(self, app: &TestApp, path: &str) {
        let end = |end: Value| json!({ "expires_at": end });
        let later = |seconds| (app.clock.now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339();
        let (method, suffix, body) = match self {
            Self::Post(action) => (Method::POST, format!("/{action}"), json!({})),
            Self::Delete => (Method::DELETE, String::new(), json!({})),
            Self::Ends(seconds) => (Method::PATCH, String::new(), end(json!(later(seconds)))),
            Self::EndsNever => (Method::PATCH, String::new(), end(Value::Null)),
            Self::Wait => return app.pass(120),
        };
        let request = app.request(method, &format!("{path}{suffix}")).bearer(&app.admin());
        let reply = request.header("If-Match", "*").json(&body).send().await;
        assert!((200..300).contains(&reply.status()), "{self:?}: {} {}", reply.status(), reply.text());
    }
}

/// Ways out, each with the ways back from it.
const WAYS: [(&[Way], &[Way]); 5] = [
    (&[Way::Post("disable")], &[Way::Post("enable")]),
    (&[Way::Delete], &[Way::Post("restore")]),
    (&[Way::Post("disable"), Way::Delete], &[Way::Post("restore"), Way::Post("enable")]),
    (&[Way::Ends(-60)], &[Way::EndsNever, Way::Ends(3_600)]),
    (&[Way::Ends(60), Way::Wait], &[Way::EndsNever]),
];

/// Takes one way out and back, and returns once a second has passed, in which new tokens are distinguished from those before.
async fn go_and_return(app: &TestApp, path: &str, out: &[Way], back: &[Way]) {
    for way in out.iter().chain(back) {
        way.take(app, path).await;
    }
    app.pass(1);
}

#[actix_web::test]
async fn cookie_and_token_from_before_stay_refused_whatever_the_way_back() {
    let app = spawn().await;
    for (number, (out, back)) in WAYS.into_iter().enumerate() {
        let mut browser = signed_in(&app, "bob").await;
        let subject = format!("program-of-{number}");
        let id = browser.who().await.json()["id"].as_str().unwrap().to_owned();
        let token = app.token(&subject).sign();
        let other = app.get("/api/v1/me", &token).await.json()["id"].as_str().unwrap().to_owned();
        let mut stolen = browser.copy();

        go_and_return(&app, &format!("/api/v1/users/{id}"), out, back).await;
        assert_eq!(stolen.get("/api/v1/me").await.problem(), "session-ended", "{out:?}, then {back:?}");
        assert_eq!(browser.get("/api/v1/me").await.problem(), "session-ended", "{out:?}, then {back:?}");

        go_and_return(&app, &format!("/api/v1/users/{other}"), out, back).await;
        assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token", "{out:?}, then {back:?}");
        assert_eq!(app.get("/api/v1/me", &app.token(&subject).sign()).await.status(), 200, "a new one is taken");
    }
}

#[actix_web::test]
async fn person_shut_out_and_let_in_signs_in_anew() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let id = browser.who().await.json()["id"].as_str().unwrap().to_owned();
    go_and_return(&app, &format!("/api/v1/users/{id}"), &[Way::Post("disable")], &[Way::Post("enable")]).await;
    let mut again = Browser::new(&app);
    again.sign_in("bob").await;
    assert_eq!(again.get("/api/v1/me").await.status(), 200);
}

#[actix_web::test]
async fn token_of_a_service_account_from_before_stays_refused_whatever_the_way_back() {
    let app = TestApp::spawn().await;
    for (number, (out, back)) in WAYS.into_iter().enumerate() {
        let client = format!("robot-{number}");
        let id = app.register_machine(&client, &["member"]).await;
        let token = app.machine_token(&client).sign();
        assert_eq!(app.get("/api/v1/me", &token).await.status(), 200);
        go_and_return(&app, &format!("/api/v1/service-accounts/{id}"), out, back).await;
        assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token", "{out:?}, then {back:?}");
        assert_eq!(app.get("/api/v1/me", &app.machine_token(&client).sign()).await.status(), 200);
    }
}

#[actix_web::test]
async fn own_account_cannot_be_prolonged() {
    let app = TestApp::spawn().await;
    let (alice, carol) = (app.introduce("alice").await, app.introduce("carol").await);
    let granted = app.put(&format!("/api/v1/users/{carol}/roles/admin"), &app.admin(), json!({})).await;
    assert_eq!(granted.status(), 200);
    Way::Ends(600).take(&app, &format!("/api/v1/users/{carol}")).await;
    let set = async |id: &str, token: &str, end: Value| {
        let request = app.request(Method::PATCH, &format!("/api/v1/users/{id}")).bearer(token);
        request.header("If-Match", "*").json(&json!({ "expires_at": end })).send().await
    };
    let by_carol = app.token("carol").sign();
    let at = |seconds| json!((app.clock.now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339());
    assert_eq!(set(&carol, &by_carol, Value::Null).await.problem(), "own-rights");
    assert_eq!(set(&carol, &by_carol, at(601)).await.problem(), "own-rights");
    assert_eq!(set(&carol, &by_carol, at(599)).await.status(), 200, "one's own account can be shortened");
    assert_eq!(set(&carol, &app.admin(), Value::Null).await.status(), 200, "another administrator prolongs it");
    assert_eq!(app.get(&format!("/api/v1/users/{alice}"), &by_carol).await.status(), 200);
}
