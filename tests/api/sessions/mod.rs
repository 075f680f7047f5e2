//! Browser sessions: users sign in at the service and then authenticate with a cookie.

mod attacks;
pub mod browser;
mod pages;
mod provider;
mod renewal;
mod tokens;

use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;
use browser::{APP, Browser, KEY, OTHER_KEY, location, parameter, replica_of, signed_in, spawn};

#[actix_web::test]
async fn user_signs_in_and_authenticates_by_the_cookie_alone() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["session"], "the login cookie is left");

    let me = browser.get("/api/v1/me").await;
    assert_eq!((me.status(), me.json()["display_name"].as_str()), (200, Some("Bob Baker")), "{}", me.text());
    let who = browser.who().await.json();
    assert_eq!((&who["id"], &who["display_name"]), (&me.json()["id"], &json!("Bob Baker")));
    assert_eq!(who["permissions"], json!(["profile:read", "profile:write"]));
    assert_eq!((&who["session"]["current"], &who["session"]["device"]), (&json!(true), &json!("Browser/1.0")));

    let edit = browser.scripted(Method::PATCH, "/api/v1/me").header("If-Match", "*").json(&json!({ "locale": "de" }));
    let edited = browser.send(edit).await;
    assert_eq!((edited.status(), edited.json()["locale"].as_str()), (200, Some("de")), "{}", edited.text());
    assert_eq!(browser.get("/api/v1/users").await.problem(), "missing-permission");
}

#[actix_web::test]
async fn session_has_all_permissions_of_its_user_and_follows_their_changes() {
    let app = spawn().await;
    let mut alice = signed_in(&app, "alice").await;
    let access = alice.get("/api/v1/me/access").await.json();
    assert_eq!((&access["first_party"], &access["client_id"]), (&json!(true), &json!("portcullis-session")));
    assert_eq!(alice.get("/api/v1/users").await.status(), 200);

    let mut bob = signed_in(&app, "bob").await;
    let id = bob.who().await.json()["id"].as_str().unwrap().to_owned();
    let auditor = alice.scripted(Method::PUT, &format!("/api/v1/users/{id}/roles/auditor")).json(&json!({}));
    assert_eq!(alice.send(auditor).await.status(), 200);
    assert_eq!(bob.get("/api/v1/users").await.status(), 200, "at once");
    let disable = alice.scripted(Method::POST, &format!("/api/v1/users/{id}/disable")).json(&json!({}));
    assert_eq!(alice.send(disable).await.status(), 200);
    assert_eq!(bob.get("/api/v1/users").await.problem(), "session-ended", "disabling ends sessions");
    let landed = bob.sign_in("bob").await;
    assert_eq!(landed.query(), Some("error=principal-disabled"));
}

#[actix_web::test]
async fn cookie_over_plain_http_is_host_only_and_hidden_from_scripts() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let reply = browser.get(&back).await;
    let cookies = reply.values("set-cookie");
    let session = cookies.iter().find(|cookie| cookie.starts_with("session=")).unwrap();
    assert!(session.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{session}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
}

#[actix_web::test]
async fn sign_out_ends_the_session_and_redirects_to_the_provider() {
    let app = browser::setup().var("SESSION_LOGGED_OUT_URL", "http://localhost:5173/bye").spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let out = browser.send(browser.scripted(Method::POST, "/auth/logout")).await;
    assert_eq!(out.status(), 200, "{}", out.text());
    assert_eq!(out.json(), json!({ "end_session_url": format!("{}/auth/logout", app.url()) }));
    assert_eq!(browser.session(), None);
    assert_eq!(browser.who().await.problem(), "missing-token");

    let next = location(&browser.get("/auth/logout").await);
    assert_eq!(next.as_str().split_once('?').unwrap().0, format!("{}/logout", app.idp.url()));
    assert_eq!(parameter(&next, "client_id").as_deref(), Some("portcullis-session"));
    assert!(parameter(&next, "id_token_hint").is_some_and(|hint| hint.split('.').count() == 3));
    assert!(browser.cookies.is_empty());
    // The provider accepts the sign-out.
    let bye = crate::support::Reply::read(crate::support::client().get(next).send().await.unwrap()).await;
    assert_eq!((bye.status(), bye.header("location")), (303, Some("http://localhost:5173/bye")));
    assert_eq!(browser.get("/auth/logout").await.problem(), "login-failed", "the sign-out continues once only");
}

#[actix_web::test]
async fn repeated_sign_out_or_without_a_session_changes_nothing() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    for _ in 0..2 {
        let out = browser.send(browser.scripted(Method::POST, "/auth/logout")).await;
        assert_eq!((out.status(), out.json()), (200, json!({ "end_session_url": null })));
    }
}

#[actix_web::test]
async fn user_lists_own_sessions_and_ends_one_or_all() {
    let app = spawn().await;
    let (mut here, mut there, mut alice) =
        (signed_in(&app, "bob").await, signed_in(&app, "bob").await, signed_in(&app, "alice").await);
    let list = here.get("/api/v1/me/sessions").await.json();
    let sessions = list["items"].as_array().unwrap().clone();
    assert_eq!(sessions.iter().map(|session| session["current"] == true).collect::<Vec<_>>(), [true, false]);
    assert_eq!(sessions[0]["ends_at"], "2030-01-02T15:04:05Z");
    assert_eq!(sessions[0]["idle_ends_at"], "2030-01-02T03:34:05Z");

    // Ending another user's session has no effect.
    let path = format!("/api/v1/me/sessions/{}", sessions[1]["id"].as_str().unwrap());
    assert_eq!(alice.send(alice.scripted(Method::DELETE, &path)).await.status(), 204);
    assert_eq!(there.who().await.status(), 200);
    assert_eq!(here.send(here.scripted(Method::DELETE, &path)).await.status(), 204);
    assert_eq!(there.who().await.problem(), "session-ended");
    // The list by token.
    let listed = app.get("/api/v1/me/sessions", &app.token("bob").sign()).await.json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["current"]), (1, &json!(false)));

    let mut third = signed_in(&app, "bob").await;
    assert_eq!(here.send(here.scripted(Method::DELETE, "/api/v1/me/sessions")).await.status(), 204);
    for browser in [&mut here, &mut third] {
        assert_eq!(browser.who().await.problem(), "session-ended");
    }
    assert_eq!(alice.who().await.status(), 200);
    let bob = app.introduce("bob").await;
    let trail = app.get(&format!("/api/v1/audit-events?target={bob}"), &app.admin()).await.json();
    let actions: Vec<_> =
        trail["items"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    let expected = ["session.end", "session.begin", "session.end", "session.begin", "session.begin", "user.create"];
    assert_eq!(actions, expected);
}

#[actix_web::test]
async fn session_ends_when_idle_and_at_its_absolute_end() {
    let app = browser::setup().var("SESSION_ABSOLUTE_SECONDS", "14400").spawn().await;
    let (mut idle, mut busy) = (signed_in(&app, "bob").await, signed_in(&app, "bob").await);
    for _ in 0..8 {
        app.pass(29 * 60 + 59);
        assert_eq!(busy.who().await.status(), 200);
    }
    assert_eq!(idle.who().await.problem(), "session-ended");
    app.pass(7);
    assert_eq!(busy.who().await.status(), 200);
    app.pass(1);
    assert_eq!(busy.who().await.problem(), "session-ended");
    let listed = app.get("/api/v1/me/sessions", &app.token("bob").sign()).await;
    assert_eq!(listed.json(), json!({ "items": [] }), "ended sessions are listed");
}

#[actix_web::test]
async fn revocation_ends_the_sessions_and_a_new_sign_in_succeeds() {
    let app = spawn().await;
    let mut bob = signed_in(&app, "bob").await;
    let id = bob.who().await.json()["id"].as_str().unwrap().to_owned();
    let revoked = app.post(&format!("/api/v1/users/{id}/revoke"), &app.admin(), json!({})).await;
    assert_eq!(revoked.status(), 200);
    assert_eq!(bob.who().await.problem(), "session-ended");
    app.pass(1);
    bob.sign_in("bob").await;
    assert_eq!(bob.who().await.status(), 200);
}

#[actix_web::test]
async fn session_ends_when_its_identity_moves_to_another_user() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let bob = browser.who().await.json()["id"].as_str().unwrap().to_owned();
    let of = |id: &str| format!("/api/v1/users/{id}/identities");
    let held = app.get(&of(&bob), &app.admin()).await.json();
    let identity = held["items"][0]["id"].as_str().unwrap();
    let another = json!({ "issuer": app.idp.url(), "subject": "bob-too" });
    assert_eq!(app.post(&of(&bob), &app.admin(), another).await.status(), 201);
    assert_eq!(app.delete(&format!("{}/{identity}", of(&bob)), &app.admin()).await.status(), 204);
    let carol = app.introduce("carol").await;
    let moved = json!({ "issuer": app.idp.url(), "subject": "bob" });
    assert_eq!(app.post(&of(&carol), &app.admin(), moved).await.status(), 201);
    assert_eq!(browser.who().await.problem(), "session-ended", "bob's session must not become carol's");
}

#[actix_web::test]
async fn authorization_field_takes_precedence_over_the_cookie() {
    let app = spawn().await;
    let mut bob = signed_in(&app, "bob").await;
    let by_token = bob.send(bob.request(Method::GET, "/auth/session").bearer(&app.admin())).await.json();
    assert_eq!((&by_token["display_name"], &by_token["session"]), (&json!("Alice Archer"), &json!(null)));
    let forged = bob.send(bob.request(Method::GET, "/auth/session").bearer("a.b.c")).await;
    assert_eq!(forged.problem(), "invalid-token");
    let other_scheme = bob.send(bob.request(Method::GET, "/auth/session").header("Authorization", "Basic YTpi")).await;
    assert_eq!(other_scheme.problem(), "missing-token");
    // Token requests need no origin.
    let edit = bob.request(Method::PATCH, "/api/v1/me").bearer(&app.admin()).header("If-Match", "*").json(&json!({}));
    assert_eq!(bob.send(edit).await.status(), 200);
}

#[actix_web::test]
async fn browser_sign_in_is_not_enabled_without_a_client() {
    let app = TestApp::spawn().await;
    for (method, path) in [
        (Method::GET, "/auth/login"),
        (Method::GET, "/auth/callback"),
        (Method::POST, "/auth/logout"),
        (Method::GET, "/auth/logout"),
        (Method::POST, "/auth/backchannel-logout"),
    ] {
        assert_eq!(app.request(method, path).send().await.problem(), "sessions-off", "{path}");
    }
    let cookie = app.request(Method::GET, "/auth/session").header("Cookie", "session=anything").send().await;
    assert_eq!(cookie.problem(), "missing-token");
    let sessions = app.get("/api/v1/me/sessions", &app.admin()).await;
    assert_eq!(sessions.json(), json!({ "items": [] }));
}

#[actix_web::test]
async fn session_is_valid_at_all_replicas_and_during_a_key_change() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let during = replica_of(&app, &format!("{OTHER_KEY},{KEY}")).await;
    let mut elsewhere = browser.copy();
    elsewhere.url = during;
    assert_eq!(elsewhere.who().await.status(), 200);
    // A session begun while both keys are configured survives the old key.
    elsewhere.cookies.clear();
    elsewhere.sign_in("bob").await;
    let after = replica_of(&app, OTHER_KEY).await;
    elsewhere.url = after.clone();
    assert_eq!(elsewhere.who().await.status(), 200);
    let mut old = browser.copy();
    old.url = after;
    assert_eq!(old.who().await.problem(), "session-ended", "a cookie that no key decrypts is no error");
}

#[actix_web::test]
async fn only_pages_of_an_allowed_origin_read_responses_to_the_cookie() {
    let app = browser::setup().var("CORS_ALLOWED_ORIGINS", "https://tokens.example.com").spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let allowed = browser.send(browser.request(Method::GET, "/auth/session").header("Origin", APP)).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some(APP));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    for (origin, is_readable) in [("https://tokens.example.com", true), ("https://foreign.example", false)] {
        let other = browser.send(browser.request(Method::GET, "/auth/session").header("Origin", origin)).await;
        assert_eq!(other.header("access-control-allow-credentials"), None, "{origin}");
        assert_eq!(other.header("access-control-allow-origin").is_some(), is_readable, "{origin}");
    }
    let out = browser.request(Method::POST, "/auth/logout").header("Origin", APP).header("X-Requested-With", "fetch");
    assert_eq!(browser.send(out).await.status(), 200, "pages of an allowed origin make changes");
}

#[actix_web::test]
async fn sign_in_without_a_destination_ends_at_the_front_page() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login").await;
    let back = browser.agree(&page, "bob").await;
    assert_eq!(browser.arrive(&back).await.as_str(), format!("{}/", app.url()));
}

#[actix_web::test]
async fn three_tabs_sign_in_concurrently_to_their_own_destinations() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let mut backs = Vec::new();
    for tab in 0..4 {
        let page = browser.begin(&format!("/auth/login?return_to=/{tab}")).await;
        backs.push(browser.agree(&page, "bob").await);
    }
    assert_eq!(browser.get(&backs[0]).await.problem(), "login-failed", "the oldest of four sign-ins is dropped");
    for (tab, back) in backs.iter().enumerate().skip(1) {
        assert_eq!(browser.arrive(back).await.path(), format!("/{tab}"));
    }
    assert_eq!(browser.who().await.status(), 200);
}
