//! Failures at the provider, which end the sign-in at its destination with an error code; and back-channel logout.

use portcullis::dev::{Algorithm, SESSION_CLIENT, SPA_CLIENT, SigningKey};
use reqwest::Method;
use serde_json::json;

use super::browser::{Browser, location, parameter, setup, signed_in, spawn, with};
use super::tokens::id_token;
use crate::support::scrape::Metrics;
use crate::support::{Reply, TestApp, start_time};

#[actix_web::test]
async fn refusal_of_the_provider_ends_at_the_destination_with_its_code() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    for (error, expected) in [
        ("access_denied", "access_denied"),
        ("login_required", "login_required"),
        ("server_error", "server_error"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        // Errors about this client rather than the user, and unknown ones.
        ("invalid_scope", "login-failed"),
        ("<script>", "login-failed"),
    ] {
        let page = browser.begin("/auth/login?return_to=/app?a=b").await;
        let back = with(&browser.agree(&page, "").await, "error", Some(error));
        let landed = browser.arrive(&back).await;
        assert_eq!(landed.as_str(), format!("{}/app?a=b&error={expected}", app.url()));
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    }
    // Genuine errors: the user cancels; and a sign-in page is needed with prompt=none.
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "").await;
    assert_eq!(browser.arrive(&back).await.query(), Some("error=access_denied"));
    let page = browser.begin("/auth/login?return_to=/app&prompt=none").await;
    let back = browser.agree(&page, "bob").await;
    assert_eq!(browser.arrive(&back).await.query(), Some("error=login_required"));
}

#[actix_web::test]
async fn sign_in_is_refused_while_the_provider_is_unavailable() {
    let app = setup().spawn_after(|idp| idp.discovery().fail(500)).await;
    let mut browser = Browser::new(&app);
    let refused = browser.get("/auth/login?return_to=/app").await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "provider-unavailable"));
    assert!(refused.header("retry-after").is_some());
    app.idp.discovery().reset();
    // The metadata is fetched again after a pause.
    app.pass(31);
    browser.sign_in("bob").await;
    assert_eq!(browser.who().await.status(), 200, "the sign-in recovers by itself");
}

#[actix_web::test]
async fn failure_of_the_token_endpoint_ends_the_sign_in_at_its_destination() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let refusal = json!({ "error": "invalid_client", "error_description": "a secret of the provider" }).to_string();
    for (spoil, expected) in [
        (Box::new(|app: &TestApp| app.idp.token_endpoint().fail(500)) as Box<dyn Fn(&TestApp)>, "provider-unavailable"),
        (Box::new(|app: &TestApp| app.idp.token_endpoint().fail(401)), "provider-unavailable"),
        (Box::new(|app: &TestApp| app.idp.token_endpoint().serve("<html>")), "provider-unavailable"),
        (Box::new(|app: &TestApp| app.idp.token_endpoint().redirect("/elsewhere")), "provider-unavailable"),
        (Box::new(move |app: &TestApp| app.idp.token_endpoint().serve(refusal.clone())), "provider-unavailable"),
    ] {
        let page = browser.begin("/auth/login?return_to=/app").await;
        let back = browser.agree(&page, "bob").await;
        spoil(&app);
        let landed = browser.arrive(&back).await;
        assert_eq!(landed.as_str(), format!("{}/app?error={expected}", app.url()));
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        app.idp.token_endpoint().reset();
    }
}

#[actix_web::test]
async fn refused_user_returns_with_the_reason() {
    let app = spawn().await;
    let bob = app.introduce("bob").await;
    app.post(&format!("/api/v1/users/{bob}/disable"), &app.admin(), json!({})).await;
    let mut browser = Browser::new(&app);
    assert_eq!(browser.sign_in("bob").await.query(), Some("error=principal-disabled"));
    assert_eq!(browser.session(), None);

    let app = setup().var("OIDC_JIT", "off").spawn().await;
    let mut browser = Browser::new(&app);
    assert_eq!(browser.sign_in("bob").await.query(), Some("error=unknown-principal"));
    let app = setup().var("OIDC_JIT", "pending").spawn().await;
    let mut browser = Browser::new(&app);
    assert_eq!(browser.sign_in("bob").await.query(), Some("error=principal-pending"));
}

async fn send_logout_token(app: &TestApp, logout_token: &str) -> Reply {
    let body = format!("logout_token={logout_token}");
    let request = app.request(Method::POST, "/auth/backchannel-logout");
    request.body("application/x-www-form-urlencoded", &body).send().await
}

/// The `sid` of this browser's session.
async fn sid_of(browser: &Browser<'_>) -> String {
    let mut copy = browser.copy();
    // Ends the session of both; the `sid` stays the same.
    copy.send(copy.scripted(Method::POST, "/auth/logout")).await;
    let next = location(&copy.get("/auth/logout").await);
    let hint = parameter(&next, "id_token_hint").unwrap();
    let claims = crate::support::jose::decode(hint.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["sid"].as_str().unwrap().to_owned()
}

/// A browser in which bob is signed in, with this `sid`.
async fn signed_in_as<'a>(app: &'a TestApp, sid: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let id_token = id_token(&app.idp, &page).subject("bob").claim("sid", sid).sign();
    let answer = json!({
        "access_token": "opaque", "token_type": "Bearer", "expires_in": 3600, "id_token": id_token, "refresh_token": "r",
    });
    app.idp.token_endpoint().serve(answer.to_string());
    browser.arrive(&back).await;
    app.idp.token_endpoint().reset();
    assert_eq!(browser.who().await.status(), 200);
    browser
}

#[actix_web::test]
async fn logout_token_with_a_sid_ends_only_that_session() {
    let app = spawn().await;
    let sid = sid_of(&signed_in(&app, "bob").await).await;
    assert!(sid.len() > 20);
    let (mut one, mut other) = (signed_in_as(&app, "one").await, signed_in_as(&app, "other").await);
    let reply = send_logout_token(&app, &app.idp.logout_token().claim("sid", "one").sign()).await;
    assert_eq!((reply.status(), reply.text()), (200, ""));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(one.who().await.problem(), "session-ended");
    assert_eq!(other.who().await.status(), 200);
    // The `sid` of another user's session ends nothing.
    send_logout_token(&app, &app.idp.logout_token().claim("sid", "other").subject("alice").sign()).await;
    assert_eq!(other.who().await.status(), 200);
    send_logout_token(&app, &app.idp.logout_token().claim("sid", "other").subject("bob").sign()).await;
    assert_eq!(other.who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn logout_token_with_a_subject_ends_every_session_and_earlier_token_of_the_user() {
    let app = spawn().await;
    let (mut one, mut other, mut alice) =
        (signed_in(&app, "bob").await, signed_in(&app, "bob").await, signed_in(&app, "alice").await);
    let token = app.token("bob").sign();
    assert_eq!(app.get("/api/v1/me", &token).await.status(), 200);
    app.pass(5);
    let logout_token = app.idp.logout_token().subject("bob").sign();
    assert_eq!(send_logout_token(&app, &logout_token).await.status(), 200);
    for browser in [&mut one, &mut other] {
        assert_eq!(browser.who().await.problem(), "session-ended");
    }
    assert_eq!(app.get("/api/v1/me", &token).await.problem(), "invalid-token");
    assert_eq!(alice.who().await.status(), 200);

    // A later sign-in stays valid, however often the logout token is repeated.
    app.pass(1);
    one.sign_in("bob").await;
    let fresh = app.token("bob").sign();
    assert_eq!(send_logout_token(&app, &logout_token).await.status(), 200);
    assert_eq!(one.who().await.status(), 200);
    assert_eq!(app.get("/api/v1/me", &fresh).await.status(), 200);
    let bob = app.introduce("bob").await;
    let trail =
        app.get(&format!("/api/v1/audit-events?target={bob}&action=session.provider-sign-out"), &app.admin()).await;
    assert_eq!(trail.json()["items"].as_array().unwrap().len(), 1, "{}", trail.text());
}

#[actix_web::test]
async fn replayed_logout_token_does_not_end_a_later_session_with_the_same_sid() {
    let app = spawn().await;
    let mut before = signed_in_as(&app, "one").await;
    let logout_token = app.idp.logout_token().claim("sid", "one").sign();
    app.pass(1);
    let mut after = signed_in_as(&app, "one").await;
    assert_eq!(send_logout_token(&app, &logout_token).await.status(), 200);
    assert_eq!(before.who().await.problem(), "session-ended");
    assert_eq!(after.who().await.status(), 200);
}

#[actix_web::test]
async fn invalid_logout_token_ends_nothing() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let good = || app.idp.logout_token().subject("bob");
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let foreign = SigningKey::generate(Algorithm::Es256);
    for (case, token) in [
        ("for another client", good().audience(SPA_CLIENT)),
        ("for another client too, without azp", good().audience(json!([SESSION_CLIENT, SPA_CLIENT]))),
        ("with a nonce", good().claim("nonce", "n")),
        ("without an event", good().without("events")),
        ("with another event", good().claim("events", json!({ "http://schemas.openid.net/event/other": {} }))),
        ("with an event that is not an object", good().claim("events", json!({ event: true }))),
        ("without sub and sid", app.idp.logout_token()),
        ("without an id", good().without("jti")),
        ("that has expired", good().expires_in(-60)),
        ("without an end", good().without("exp")),
        ("without a time", good().without("iat")),
        ("of another issuer", good().issuer("https://foreign.example")),
        ("with a foreign signature", good().signed_by(&foreign)),
        ("with the type of access tokens", good().header("typ", "at+jwt")),
        ("that is an access token", app.token("bob")),
        ("that is an ID token", app.idp.token().subject("bob").audience(SESSION_CLIENT).header("typ", "JWT")),
    ] {
        let reply = send_logout_token(&app, &token.sign()).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (400, "bad-logout-token"), "{case}");
        assert_eq!(browser.who().await.status(), 200, "{case}");
    }
    for body in ["", "logout_token=", "logout_token=a&logout_token=b", "other=a"] {
        let request = app.request(Method::POST, "/auth/backchannel-logout");
        let reply = request.body("application/x-www-form-urlencoded", body).send().await;
        assert_eq!(reply.status(), 400, "{body}");
    }
    assert_eq!(send_logout_token(&app, &good().sign()).await.status(), 200, "a valid logout token is refused");
    assert_eq!(browser.who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn logout_refusal_describes_the_logout_and_not_a_sign_in_or_an_access_token() {
    let app = spawn().await;
    for token in [app.token("bob"), app.idp.logout_token().subject("bob").without("events")] {
        let reply = send_logout_token(&app, &token.sign()).await;
        assert_eq!(reply.json()["detail"], "The logout token was rejected. The token is not a logout token.");
    }
    let reply = Browser::new(&app).get("/auth/logout").await;
    assert_eq!((reply.status(), reply.problem().as_str()), (400, "login-failed"));
    let detail = "This browser has not just signed out. Sign out with `POST /auth/logout` first.";
    assert_eq!(reply.json()["detail"], detail);
}

#[actix_web::test]
async fn concurrent_sign_ins_share_one_failed_fetch_of_the_metadata() {
    let app = spawn().await;
    app.introduce("bob").await;
    let before = app.idp.discovery().requests();
    app.idp.discovery().fail(500);
    app.idp.discovery().hold();
    let browsers = futures_util::future::join_all((0..50).map(|_| app.get_without_token("/auth/login")));
    let answer = async {
        app.idp.discovery().wait_for_requests(before + 1).await;
        app.idp.discovery().release();
    };
    let (replies, ()) = futures_util::future::join(browsers, answer).await;
    for reply in replies {
        assert_eq!((reply.status(), reply.problem().as_str()), (503, "provider-unavailable"));
        assert_eq!(reply.header("retry-after"), Some("5"));
    }
    assert_eq!(app.idp.discovery().requests(), before + 1);
    app.idp.discovery().reset();
    assert_eq!(Browser::new(&app).get("/auth/login").await.status(), 503, "a failed fetch is not repeated at once");
    app.pass(5);
    assert_eq!(Browser::new(&app).get("/auth/login").await.status(), 303);
}

#[actix_web::test]
async fn moved_sign_in_page_is_found_without_a_restart() {
    let app = spawn().await;
    let path = async || Browser::new(&app).begin("/auth/login").await.path().to_owned();
    assert_eq!(path().await, "/authorize");
    let mut moved = app.idp.discovery_document();
    moved["authorization_endpoint"] = json!(format!("{}/elsewhere", app.idp.url()));
    app.idp.discovery().serve(moved.to_string());
    app.pass(599);
    assert_eq!(path().await, "/authorize");
    app.pass(1);
    while path().await != "/elsewhere" {}
}

#[actix_web::test]
async fn oversized_token_lifetime_is_limited_to_the_session() {
    let app = spawn().await;
    for expires_in in [9_223_372_036_854_775_u64, 9_007_199_254_740_993, u64::MAX, 400_000_000_000] {
        let mut browser = Browser::new(&app);
        let page = browser.begin("/auth/login").await;
        let back = browser.agree(&page, "bob").await;
        let id_token = id_token(&app.idp, &page).subject("bob").sign();
        let answer = json!({
            "access_token": "opaque", "token_type": "Bearer", "expires_in": expires_in, "id_token": id_token,
        });
        app.idp.token_endpoint().serve(answer.to_string());
        browser.arrive(&back).await;
        app.idp.token_endpoint().reset();
        let who = browser.who().await;
        assert_eq!(who.json()["session"]["ends_at"], "2030-01-02T15:04:05Z", "{expires_in}: {}", who.text());
    }
}

/// The number of reads of principals.
async fn principals_read(app: &TestApp) -> f64 {
    Metrics::of(app).await.count("portcullis_cache_misses_total", &[("cache", "principals")])
}

#[actix_web::test]
async fn logout_token_invalidates_only_the_user_it_names() {
    let app = setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").spawn().await;
    if app.database().is_server() {
        // With a server, all principals that changed recently are read once more after the next poll.
        return;
    }
    let others: Vec<_> = ["alice", "carol", "dave", "erin"].map(|name| app.token(name).sign()).into();
    let reads_of_others = async || {
        let before = principals_read(&app).await;
        for token in &others {
            assert_eq!(app.get("/api/v1/me", token).await.status(), 200);
        }
        principals_read(&app).await - before
    };
    app.introduce("bob").await;
    // The first request provisions them; later ones find them in the cache.
    for _ in 0..2 {
        reads_of_others().await;
    }
    assert_eq!(reads_of_others().await, 0.0);

    assert_eq!(send_logout_token(&app, &app.idp.logout_token().subject("stranger").sign()).await.status(), 200);
    assert_eq!(reads_of_others().await, 0.0, "an unknown subject invalidates no cache entry");
    let logout_token = app.idp.logout_token().subject("bob").sign();
    assert_eq!(send_logout_token(&app, &logout_token).await.status(), 200);
    // One of the four may share a slot of the cache with bob; all four never do.
    assert!(reads_of_others().await <= 2.0);

    app.pass(1);
    let bob = app.token("bob").sign();
    for _ in 0..2 {
        assert_eq!(app.get("/api/v1/me", &bob).await.status(), 200);
    }
    let before = principals_read(&app).await;
    // The same token again, and another one with the same content.
    for logout_token in [logout_token, app.idp.logout_token().subject("bob").issued_at(start_time()).sign()] {
        assert_eq!(send_logout_token(&app, &logout_token).await.status(), 200);
        assert_eq!(app.get("/api/v1/me", &bob).await.status(), 200);
    }
    assert_eq!(reads_of_others().await, 0.0);
    assert_eq!(principals_read(&app).await, before, "a repeated logout token invalidates a cache entry");
}

#[cfg(feature = "postgres")]
#[actix_web::test]
async fn logout_token_does_not_overwrite_a_concurrent_edit() {
    use portcullis::diesel::connection::SimpleConnection;
    use portcullis::diesel::{Connection, PgConnection};

    let app = spawn().await;
    if !app.database().is_server() {
        // SQLite has one writer.
        return;
    }
    let bob = app.introduce("bob").await;
    let mut edit = PgConnection::establish(&app.database().url()).unwrap();
    let change = format!("BEGIN; UPDATE principals SET locale = 'fr' WHERE id = '{bob}'");
    edit.batch_execute(&change).unwrap();
    let logout_token = app.idp.logout_token().subject("bob").sign();
    let commit = async {
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.database().count(waiting) == 0 {
            portcullis::actix_web::rt::task::yield_now().await;
        }
        edit.batch_execute("COMMIT").unwrap();
    };
    let (reply, ()) = futures_util::future::join(send_logout_token(&app, &logout_token), commit).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(app.database().count(&format!("principals WHERE id = '{bob}' AND locale = 'fr'")), 1);
    assert_eq!(app.database().count(&format!("principals WHERE id = '{bob}' AND not_before IS NOT NULL")), 1);
}
