//! A thousand invalid credentials of each kind beyond the budget, and their cost.

use futures_util::future::{join, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use portcullis::dev::{Algorithm, SigningKey};
use reqwest::Method;

use super::place::{ME, Place, Work, address, from};
use crate::sessions::browser::{Browser, signed_in};
use crate::support::Request;

const BUDGET: u32 = 20;
const BEYOND: usize = 1_000;
/// The number of concurrent requests.
const AT_ONCE: usize = 50;

/// Sends the whole budget and a thousand more requests from one address, and checks that valid tokens are accepted meanwhile. Each
/// credential within the budget may cost `queries_each` queries.
async fn flood(
    place: &Place,
    kind: &str,
    number: u8,
    queries_each: f64,
    request: impl Fn(usize) -> Request,
) -> Vec<u16> {
    let (here, elsewhere) = (address(number), address(number + 100));
    let known = place.app.token("carol").sign();
    // Provisioned by the first request, and cached by the second.
    let of_dave = |when: &str| format!("good-token-{when}-{number}");
    for _ in 0..2 {
        assert_eq!(place.get(&here, &known).await.status(), 200, "{kind}");
        assert_eq!(place.get(&elsewhere, &of_dave("before")).await.status(), 200, "{kind}");
    }
    let before = place.work().await;
    let (mut statuses, total) = (Vec::new(), usize::try_from(BUDGET).unwrap() + BEYOND);
    for first in (0..total).step_by(AT_ONCE) {
        let bad = (first..total.min(first + AT_ONCE)).map(|n| from(request(n), &here));
        // In the midst of the flood, a valid token that is not cached yet.
        let good = async {
            if first / AT_ONCE == 10 { place.get(&elsewhere, &of_dave("meanwhile")).await.status() } else { 200 }
        };
        let (bad, good) = join(join_all(bad), good).await;
        assert_eq!(good, 200, "{kind}: a valid opaque token from another address");
        statuses.extend(bad.iter().map(|reply| reply.status()));
        assert_eq!(place.get(&here, &known).await.status(), 200, "{kind}: a cached token from the same address");
    }
    let work = place.work().await.since(before);
    // The valid token costs one introspection, and up to one read of its principal. With a server, changed rows are polled, this
    // process's own included: each of the two principals may be read once more for that.
    let for_valid = if place.app.database().is_server() { 3.0 } else { 1.0 };
    let (transactions, questions) = ((work.transactions - for_valid) / queries_each, work.questions - 1.0);
    assert!(is_within_budget(Work { transactions, questions, ..work }), "{kind}: {work:?}");
    statuses
}

fn is_within_budget(Work { signatures, transactions, questions }: Work) -> bool {
    [signatures, transactions, questions].iter().all(|count| *count <= f64::from(BUDGET))
}

/// As [`flood`], where requests beyond the budget are answered 429.
async fn limited_flood(place: &Place, kind: &str, number: u8, request: impl Fn(usize) -> Request) {
    let statuses = flood(place, kind, number, 1.0, request).await;
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited >= BEYOND, "{kind}: {limited} of {} are answered 429", statuses.len());
    assert!(limited < statuses.len(), "{kind}: no request was answered within the budget");
}

#[actix_web::test]
async fn invalid_tokens_beyond_the_budget_cost_nothing() {
    let place = Place::with_budget(BUDGET).await;
    let app = &place.app;
    let get = |token: &str| app.request(Method::GET, ME).bearer(token);
    let stranger = SigningKey::generate(Algorithm::Es256);
    // Each token differs in four characters of its signature.
    let many =
        |token: String| move |n: usize| format!("{}{:04}", &token[..token.len() - 10], n) + &token[token.len() - 6..];
    let other_signature = many(app.token("bob").sign());
    limited_flood(&place, "forged", 1, |n| get(&other_signature(n))).await;
    let other_key = many(app.token("bob").signed_by(&stranger).sign());
    limited_flood(&place, "of another key", 2, |n| get(&other_key(n))).await;
    let unknown_key = many(app.token("bob").kid("unpublished").sign());
    limited_flood(&place, "of an unknown key", 3, |n| get(&unknown_key(n))).await;
    let expired = many(app.token("bob").expires_in(-3600).sign());
    limited_flood(&place, "expired", 4, |n| get(&expired(n))).await;
    limited_flood(&place, "malformed", 5, |n| get(&format!("a.b.{n}"))).await;
    limited_flood(&place, "no token at all", 6, |n| get(&format!("not one token {n}"))).await;
    limited_flood(&place, "opaque", 7, |n| get(&format!("opaque-token-number-{n}"))).await;
}

#[actix_web::test]
async fn invalid_cookies_and_logout_tokens_beyond_the_budget_cost_nothing() {
    let place = Place::with_budget(BUDGET).await;
    let app = &place.app;
    let get = |path: &str, cookie: &str| app.request(Method::GET, path).header("Cookie", cookie);
    let forged = |n: usize| format!("session={n:0>86}");
    limited_flood(&place, "forged cookie", 1, |n| get(ME, &forged(n))).await;
    limited_flood(&place, "forged cookie at the sign-out", 2, |n| {
        let out = app.request(Method::POST, "/auth/logout").header("Cookie", &forged(n));
        out.header("Origin", app.url()).header("X-Requested-With", "fetch")
    })
    .await;
    let mut browser = signed_in(app, "bob").await;
    let ended = format!("session={}", browser.session().unwrap());
    browser.send(browser.scripted(Method::DELETE, "/api/v1/me/sessions")).await;
    assert_eq!(browser.who().await.problem(), "session-ended");
    let statuses = flood(&place, "cookie of an ended session", 3, 1.0, |_| get(ME, &ended)).await;
    assert!(statuses.iter().all(|status| *status == 401), "the ended session is cached");
    let logout_token = app.idp.logout_token().subject("bob").sign();
    limited_flood(&place, "forged logout token", 4, |n| {
        let body = format!("logout_token={}{n:06}", &logout_token[..logout_token.len() - 6]);
        app.request(Method::POST, "/auth/backchannel-logout").body("application/x-www-form-urlencoded", &body)
    })
    .await;
    limited_flood(&place, "bad logout hint", 5, |n| get("/auth/logout", &format!("logout=made-up-{n}"))).await;
    limited_flood(&place, "bad login state", 6, |n| {
        get(&format!("/auth/callback?state=s{n}&code=c"), &format!("login=made-up-{n}"))
    })
    .await;
    // A genuine sign-in, answered with made-up codes: each code costs a request to the provider.
    let mut browser = Browser::new(app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let (state, login) = (back.split_once("state=").unwrap().1, format!("login={}", browser.cookies["login"]));
    let state = state.split('&').next().unwrap();
    let issuer = app.idp.url();
    limited_flood(&place, "made-up code", 7, |n| {
        get(&format!("/auth/callback?state={state}&iss={issuer}&code=c{n}"), &login)
    })
    .await;
}

#[actix_web::test]
async fn refused_principals_beyond_the_budget_cost_nothing() {
    let place = Place::with_budget(BUDGET).await;
    let app = &place.app;
    let get = |token: &str| app.request(Method::GET, ME).bearer(token);
    // Some valid tokens of each principal, more than the budget.
    let tokens = |subject: &str| -> Vec<String> {
        (0..50).map(|n| app.token(subject).claim("jti", n.to_string()).sign()).collect()
    };
    for (number, subject, act) in [(1, "erin", "disable"), (2, "frank", "delete"), (3, "grace", "revoke")] {
        if act == "delete" {
            let id = app.introduce(subject).await;
            app.request(Method::DELETE, &format!("/api/v1/users/{id}"))
                .bearer(&app.admin())
                .header("If-Match", "*")
                .send()
                .await;
        } else {
            place.create_and(subject, act).await;
        }
        let all = tokens(subject);
        limited_flood(&place, &format!("{act}, one token"), number, |_| get(&all[0])).await;
        limited_flood(&place, &format!("{act}, many tokens"), number + 10, |n| get(&all[n % all.len()])).await;
    }
    let accounts: Vec<_> = (0..50).map(|n| app.machine_token(&format!("client-{n}")).sign()).collect();
    limited_flood(&place, "unregistered service account", 4, |_| get(&accounts[0])).await;
    limited_flood(&place, "unregistered service accounts", 14, |n| get(&accounts[n % accounts.len()])).await;
    let mut browser = signed_in(app, "bob").await;
    let cookie = format!("session={}", browser.session().unwrap());
    let id = browser.who().await.json()["id"].as_str().unwrap().to_owned();
    place.act(&format!("/api/v1/users/{id}/disable")).await;
    // From here on the cookie is no longer known to be valid.
    assert!(matches!(browser.who().await.status(), 401 | 403));
    // One query for the session, and one for its principal.
    flood(&place, "cookie of a disabled user", 5, 2.0, |_| app.request(Method::GET, ME).header("Cookie", &cookie))
        .await;
}

#[actix_web::test]
async fn unknown_and_pending_users_beyond_the_budget_cost_nothing() {
    for jit in ["off", "pending"] {
        let place = Place::with(BUDGET, |setup| setup.var("OIDC_JIT", jit)).await;
        let app = &place.app;
        for subject in ["carol", "dave"] {
            let body = serde_json::json!({
                "identities": [{ "issuer": app.idp.url(), "subject": subject }], "display_name": subject,
            });
            let made = app.post("/api/v1/users", &app.admin(), body).await;
            assert_eq!(made.status(), 201, "{}", made.text());
        }
        let get = |token: &str| app.request(Method::GET, ME).bearer(token);
        let one = app.token("ivan").sign();
        assert_eq!(app.get(ME, &one).await.status(), 403);
        limited_flood(&place, jit, 1, |_| get(&one)).await;
    }
}

/// If the budget were checked first and charged later, concurrent requests would all pass.
#[actix_web::test]
async fn concurrent_attempts_cost_no_more_than_the_budget() {
    let place = Place::with_budget(6).await;
    let here = address(1);
    place.provider.hold(true);
    let ask = async |n: usize| place.get(&here, &format!("opaque-token-number-{n}")).await.status();
    let mut asking: FuturesUnordered<_> = (0..60).map(ask).collect();
    let mut statuses = Vec::new();
    while statuses.len() < 54 {
        statuses.push(asking.next().await.unwrap());
    }
    assert!(statuses.iter().all(|status| *status == 429), "while the others wait: {statuses:?}");
    assert!(place.provider.questions() <= 6);
    place.provider.hold(false);
    let rest: Vec<u16> = asking.collect().await;
    assert_eq!(rest, [401; 6]);
    assert!(place.provider.questions() <= 6);
}

/// A credential that was valid passes a spent budget until a check refuses it.
#[actix_web::test]
async fn credential_that_was_valid_has_at_most_eight_concurrent_checks_past_a_spent_budget() {
    let (place, here) = (Place::with_budget(6).await, address(1));
    assert_eq!(place.get(&here, "good-opaque-token").await.status(), 200);
    place.provider.revoke_all();
    place.app.pass(61);
    place.provider.hold(true);
    let ask = async |_: usize| place.get(&here, "good-opaque-token").await.status();
    let mut asking: FuturesUnordered<_> = (0..60).map(ask).collect();
    let mut statuses = Vec::new();
    while statuses.len() < 60 - 6 - 8 {
        statuses.push(asking.next().await.unwrap());
    }
    assert!(statuses.iter().all(|status| *status == 429), "while the others wait: {statuses:?}");
    place.provider.hold(false);
    let rest: Vec<u16> = asking.collect().await;
    assert_eq!(rest, [401; 14]);
}

/// The control: without a budget each request does its work, so the counters count.
#[actix_web::test]
async fn without_a_budget_each_invalid_credential_costs_its_work() {
    let place = Place::without_budget().await;
    let forged = place.app.token("bob").sign();
    let before = place.work().await;
    for n in 0..30 {
        let forged = format!("{}{n:04}{}", &forged[..forged.len() - 10], &forged[forged.len() - 6..]);
        assert_eq!(place.get(&address(1), &forged).await.status(), 401);
        assert_eq!(place.get(&address(1), &format!("opaque-token-number-{n}")).await.status(), 401);
    }
    let work = place.work().await.since(before);
    assert_eq!((work.signatures, work.questions), (30.0, 30.0));
}
