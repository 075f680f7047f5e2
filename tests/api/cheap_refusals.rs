//! A refused credential of any kind is cheap: once its address has spent its budget, it costs no signature check, no query and no request
//! to the provider, and valid credentials are still accepted.

mod floods;
mod place;
mod refused_principals;

use reqwest::Method;

use crate::sessions::browser::{Browser, signed_in};
use place::{ME, Place, Work, address, from};

#[actix_web::test]
async fn known_valid_credentials_of_every_kind_pass_a_spent_budget() {
    let place = Place::with_budget(3).await;
    let here = address(1);
    let cookie = signed_in(&place.app, "bob").await.session().unwrap().to_owned();
    let token = place.app.token("carol").sign();
    for reply in [
        place.get(&here, &token).await,
        place.get(&here, "good-opaque-token").await,
        place.get_by_cookie(&here, &cookie).await,
    ] {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
    // Cached principals and introspection results expire after a minute.
    place.app.pass(61);
    place.spend(&here).await;
    for reply in [
        place.get(&here, &token).await,
        place.get(&here, "good-opaque-token").await,
        place.get_by_cookie(&here, &cookie).await,
    ] {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
    assert_eq!(place.get(&here, &place.app.token("dora").sign()).await.status(), 429, "an unknown token is limited");
    let elsewhere = place.get(&address(2), &place.app.token("dora").sign()).await;
    assert_eq!(elsewhere.status(), 200, "another address is not limited");
}

#[actix_web::test]
async fn credential_that_was_valid_is_checked_once_past_the_budget_and_costs_nothing_afterwards() {
    let place = Place::with_budget(3).await;
    let here = address(1);
    let mut browser = signed_in(&place.app, "bob").await;
    let cookie = browser.session().unwrap().to_owned();
    let token = place.app.token("carol").sign();
    for reply in [
        place.get(&here, &token).await,
        place.get(&here, "good-opaque-token").await,
        place.get_by_cookie(&here, &cookie).await,
    ] {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
    let carol = place.app.introduce("carol").await;
    place.act(&format!("/api/v1/users/{carol}/revoke")).await;
    browser.send(browser.scripted(Method::DELETE, "/api/v1/me/sessions")).await;
    place.provider.revoke_all();
    place.app.pass(61);
    place.spend(&here).await;
    assert_eq!(place.get(&here, &token).await.status(), 401);
    assert_eq!(place.get(&here, "good-opaque-token").await.status(), 401);
    assert_eq!(place.get_by_cookie(&here, &cookie).await.status(), 401);
    let before = place.work().await;
    assert_eq!(place.get(&here, &token).await.status(), 429);
    assert_eq!(place.get(&here, "good-opaque-token").await.status(), 429);
    assert_eq!(place.get_by_cookie(&here, &cookie).await.status(), 401, "the ended session is cached");
    assert_eq!(place.work().await.since(before), Work::NONE);
}

#[actix_web::test]
async fn request_without_credential_is_never_limited() {
    let place = Place::with_budget(1).await;
    let here = address(1);
    place.spend(&here).await;
    let before = place.work().await;
    for _ in 0..5 {
        let reply = from(place.app.request(Method::GET, ME), &here).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (401, "missing-token"));
        let basic = place.app.request(Method::GET, ME).header("Authorization", "Basic YTpi");
        assert_eq!(from(basic, &here).await.problem(), "missing-token");
    }
    assert_eq!(place.work().await.since(before), Work::NONE);
    place.app.pass(60);
    assert_eq!(place.get(&here, "guess").await.status(), 401, "requests without a credential took from the budget");
}

#[actix_web::test]
async fn outage_returns_the_reservation() {
    let place = Place::with_budget(3).await;
    let here = address(1);
    place.provider.fail(Some(500));
    for number in 0..10 {
        assert_eq!(place.get(&here, &format!("good-token-number-{number}")).await.status(), 503);
    }
    place.provider.fail(None);
    assert_eq!(place.get(&here, "good-token-number-0").await.status(), 200);
    for _ in 0..3 {
        assert_eq!(place.get(&here, "guess").await.status(), 401, "the budget is full again");
    }
    assert_eq!(place.get(&here, "guess").await.status(), 429);
}

#[actix_web::test]
async fn open_tabs_of_an_ended_session_do_not_lock_out_their_network() {
    let place = Place::with_budget(3).await;
    let here = address(1);
    let mut browser = signed_in(&place.app, "bob").await;
    let tab = browser.session().unwrap().to_owned();
    assert_eq!(place.get_by_cookie(&here, &tab).await.status(), 200);
    browser.send(browser.scripted(Method::DELETE, "/api/v1/me/sessions")).await;
    assert_eq!(place.get_by_cookie(&here, &tab).await.problem(), "session-ended");
    let before = place.work().await;
    for _ in 0..20 {
        assert_eq!(place.get_by_cookie(&here, &tab).await.problem(), "session-ended");
        let out = place.app.request(Method::POST, "/auth/logout").header("Cookie", &format!("session={tab}"));
        let out = out.header("Origin", place.app.url()).header("X-Requested-With", "fetch");
        assert_eq!(from(out, &here).await.status(), 200);
    }
    assert_eq!(place.work().await.since(before), Work::NONE);
    assert_eq!(place.get(&here, &place.app.token("carol").sign()).await.status(), 200, "a new token is accepted");
    for _ in 0..2 {
        assert_eq!(place.get(&here, "guess").await.status(), 401);
    }
    assert_eq!(place.get(&here, "guess").await.status(), 429, "the cookie was counted once");
}

#[actix_web::test]
async fn forged_cookie_costs_no_query() {
    let place = Place::with_budget(100).await;
    let mut browser = signed_in(&place.app, "bob").await;
    let genuine = browser.session().unwrap().to_owned();
    // A session id with an invalid tag; a cookie in the format without a tag; two values that are no cookie at all.
    let other_tag = format!("{}{}", &genuine[..60], "A".repeat(genuine.len() - 60));
    for forged in [&*other_tag, &genuine[..43], &"A".repeat(genuine.len()), "forged"] {
        let before = place.work().await;
        assert_eq!(place.get_by_cookie(&address(1), forged).await.problem(), "session-ended");
        browser.cookies.insert("session".to_owned(), forged.to_owned());
        let out = browser.scripted(Method::POST, "/auth/logout");
        assert_eq!(browser.send(out).await.status(), 200);
        assert_eq!(place.work().await.since(before), Work::NONE, "{forged}");
    }
    assert_eq!(place.get_by_cookie(&address(1), &genuine).await.status(), 200);
}

#[actix_web::test]
async fn cookie_of_a_sign_out_counts_only_if_it_has_no_session() {
    let place = Place::with_budget(2).await;
    let here = address(1);
    let sign_out = async |cookie: &str| {
        let out = place.app.request(Method::POST, "/auth/logout").header("Cookie", &format!("session={cookie}"));
        from(out.header("Origin", place.app.url()).header("X-Requested-With", "fetch"), &here).await.status()
    };
    for _ in 0..3 {
        let browser = signed_in(&place.app, "bob").await;
        assert_eq!(sign_out(browser.session().unwrap()).await, 200);
    }
    let before = place.work().await;
    assert_eq!((sign_out("forged").await, sign_out("forged").await, sign_out("forged").await), (200, 200, 429));
    assert_eq!(place.work().await.since(before), Work::NONE);
}

#[actix_web::test]
async fn sign_in_that_succeeds_or_is_cancelled_takes_nothing_from_the_budget() {
    let place = Place::with_budget(1).await;
    // All requests come from the loopback address.
    for _ in 0..3 {
        let mut browser = Browser::new(&place.app);
        browser.sign_in("bob").await;
        let mut other = Browser::new(&place.app);
        let page = other.begin("/auth/login?return_to=/app").await;
        let back = other.agree(&page, "").await;
        assert_eq!(other.arrive(&back).await.query(), Some("error=access_denied"));
    }
    let mut browser = Browser::new(&place.app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let mut stranger = Browser::new(&place.app);
    assert_eq!(stranger.get(&back).await.status(), 400);
    let before = place.work().await;
    assert_eq!(browser.get(&back).await.status(), 429, "a valid callback also waits for the budget to refill");
    assert_eq!(place.work().await.since(before), Work::NONE);
    place.app.pass(60);
    assert_eq!(browser.arrive(&back).await.path(), "/app");
}
