//! Each defence of the sign-in and of the cookie, tried.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::json;

use super::browser::{APP, Browser, parameter, signed_in, spawn, with};
use crate::support::Reply;

#[track_caller]
fn assert_refused(reply: &Reply) {
    assert_eq!((reply.status(), reply.problem().as_str()), (400, "login-failed"));
    assert!(reply.values("set-cookie").is_empty(), "{reply:?}");
}

#[actix_web::test]
async fn an_answer_with_another_state_is_refused_and_the_right_one_still_counts() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let asked = app.idp.token_endpoint().requests();
    for forged in [Some("forged"), Some(""), None] {
        assert_refused(&browser.get(&with(&back, "state", forged)).await);
    }
    assert_eq!(app.idp.token_endpoint().requests(), asked, "nothing is asked for a stranger");
    browser.arrive(&back).await;
    assert_eq!(browser.who().await.status(), 200);
}

#[actix_web::test]
async fn nobody_is_signed_in_by_somebody_elses_answer() {
    let app = spawn().await;
    let mut attacker = Browser::new(&app);
    let page = attacker.begin("/auth/login?return_to=/app").await;
    let back = attacker.agree(&page, "alice").await;
    let mut victim = Browser::new(&app);
    assert_refused(&victim.get(&back).await);
    // Nor while the victim is on the way itself.
    victim.begin("/auth/login?return_to=/app").await;
    assert_refused(&victim.get(&back).await);
    assert_eq!(victim.session(), None);
}

#[actix_web::test]
async fn an_answer_counts_once_and_loading_it_anew_does_no_harm() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    browser.arrive(&back).await;
    let asked = app.idp.token_endpoint().requests();
    assert_refused(&browser.get(&back).await);
    assert_eq!(app.idp.token_endpoint().requests(), asked, "to a provider, a code that comes twice is a theft");
    app.pass(600);
    assert_eq!(browser.who().await.status(), 200, "so what came of it is still good");
}

#[actix_web::test]
async fn a_code_and_the_cookie_that_goes_with_it_count_once() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let mut thief = browser.copy();
    browser.arrive(&back).await;
    assert_eq!(thief.arrive(&back).await.query(), Some("error=login-failed"));
    assert_eq!(thief.session(), None);
}

#[actix_web::test]
async fn a_code_of_another_sign_in_is_worth_nothing() {
    let app = spawn().await;
    let (mut attacker, mut victim) = (Browser::new(&app), Browser::new(&app));
    let page = attacker.begin("/auth/login?return_to=/app").await;
    let theirs = attacker.agree(&page, "alice").await;
    let page = victim.begin("/auth/login?return_to=/app").await;
    let own = victim.agree(&page, "bob").await;
    // The state is right: PKCE and the nonce are what is left.
    let (_, query) = theirs.split_once('?').unwrap();
    let code = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").unwrap().1;
    let landed = victim.arrive(&with(&own, "code", Some(&code))).await;
    assert_eq!(landed.query(), Some("error=login-failed"));
    assert_eq!(victim.session(), None);
}

#[actix_web::test]
async fn an_answer_of_another_issuer_or_of_none_is_mixed_up() {
    let app = spawn().await;
    let asked = app.idp.token_endpoint().requests();
    for issuer in [Some("https://foreign.example"), Some(""), None] {
        let mut browser = Browser::new(&app);
        let page = browser.begin("/auth/login?return_to=/app").await;
        let back = browser.agree(&page, "bob").await;
        assert_eq!(browser.arrive(&with(&back, "iss", issuer)).await.query(), Some("error=login-failed"), "{issuer:?}");
    }
    assert_eq!(app.idp.token_endpoint().requests(), asked, "another issuer's code is shown to nobody");
}

#[actix_web::test]
async fn a_sign_in_ends_after_ten_minutes() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    app.pass(600);
    let back = browser.agree(&page, "bob").await;
    assert_refused(&browser.get(&back).await);
}

#[actix_web::test]
async fn what_is_asked_for_is_bound_to_the_browser_and_returns_to_one_address() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    // Whatever the request says of where it goes.
    let request = browser.request(Method::GET, "/auth/login").header("X-Forwarded-Host", "foreign.example");
    let page = super::location(&browser.send(request).await);
    let get = |name| parameter(&page, name).unwrap();
    assert_eq!(get("redirect_uri"), format!("{}/auth/callback", app.url()));
    assert_eq!((get("response_type"), get("code_challenge_method")), ("code".to_owned(), "S256".to_owned()));
    for name in ["state", "nonce"] {
        assert!(get(name).len() >= 22, "{name} has less than 128 bits: {}", get(name));
    }
    let again = browser.begin("/auth/login").await;
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&again, name).unwrap(), get(name));
    }
    let kept = &browser.cookies["login"];
    for name in ["state", "nonce"] {
        assert!(!kept.contains(&get(name)), "{name} is told by the cookie");
    }
}

#[actix_web::test]
async fn a_cookie_that_was_changed_or_made_up_is_no_cookie() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let right = browser.cookies["login"].clone();
    for wrong in ["", "made-up", &right[1..], &format!("{}A", &right[..right.len() - 1]), &right.to_ascii_lowercase()] {
        browser.cookies.insert("login".to_owned(), wrong.to_owned());
        if wrong != right {
            assert_refused(&browser.get(&back).await);
        }
    }
    browser.cookies.insert("session".to_owned(), right);
    assert_eq!(browser.who().await.problem(), "session-ended");
}

#[actix_web::test]
async fn nobody_is_sent_to_a_strangers_page() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    for target in [
        "//foreign.example",
        "///foreign.example",
        "/\\foreign.example",
        "\\\\foreign.example",
        "/%09/foreign.example",
        "/%0a/foreign.example",
        "%20/x",
        "https://foreign.example",
        "https://app.example.com.foreign.example",
        "https://app.example.com@foreign.example",
        "https:foreign.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "foreign.example",
        "",
        "/auth/login",
        "/x/../auth/login",
    ] {
        let reply = browser.get(&format!("/auth/login?return_to={target}")).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (400, "invalid-parameter"), "{target}");
    }
    let long = "a".repeat(4000);
    assert_eq!(browser.get(&format!("/auth/login?return_to=/{long}")).await.problem(), "invalid-parameter");
    assert!(browser.cookies.is_empty());
    let page = browser.begin(&format!("/auth/login?return_to={APP}/welcome?a=b")).await;
    let back = browser.agree(&page, "bob").await;
    assert_eq!(browser.arrive(&back).await.as_str(), format!("{APP}/welcome?a=b"), "one of ours is fine");
}

#[actix_web::test]
async fn a_session_id_that_was_planted_is_worth_nothing_after_the_sign_in() {
    let app = spawn().await;
    // Made up, and one that the attacker holds.
    let attackers = signed_in(&app, "alice").await;
    for planted in ["planted-by-somebody", attackers.session().unwrap()] {
        let mut victim = Browser::new(&app);
        victim.cookies.insert("session".to_owned(), planted.to_owned());
        victim.sign_in("bob").await;
        assert_ne!(victim.session(), Some(planted));
        assert_eq!(victim.who().await.json()["display_name"], "Bob Baker");
        let mut attacker = Browser::new(&app);
        attacker.cookies.insert("session".to_owned(), planted.to_owned());
        assert_eq!(attacker.who().await.problem(), "session-ended");
    }
}

#[actix_web::test]
async fn a_cookie_that_was_copied_is_worth_nothing_after_the_sign_out() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let mut thief = browser.copy();
    assert_eq!(thief.who().await.status(), 200);
    browser.send(browser.scripted(Method::POST, "/auth/logout")).await;
    assert_eq!(thief.who().await.problem(), "session-ended");
    let refused = thief.get("/api/v1/me").await;
    assert_eq!((refused.status(), refused.challenge_parameter("error")), (401, None));
}

#[actix_web::test]
async fn of_two_cookies_of_one_name_neither_counts() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let cookies = format!("session={}; session=planted", browser.session().unwrap());
    browser.cookies.clear();
    let reply = browser.send(browser.request(Method::GET, "/auth/session").header("Cookie", &cookies)).await;
    assert_eq!(reply.problem(), "invalid-request");
}

#[actix_web::test]
async fn a_change_by_cookie_comes_from_a_script_of_a_page_of_ours() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let own = app.url().to_owned();
    let (scripted, origin, site) = ("X-Requested-With", "Origin", "Sec-Fetch-Site");
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[(scripted, "fetch")],
        &[(origin, &own)],
        &[(site, "same-origin")],
        &[(scripted, ""), (origin, &own)],
        &[(scripted, "fetch"), (origin, "https://foreign.example")],
        &[(scripted, "fetch"), (origin, "null")],
        &[(scripted, "fetch"), (origin, "")],
        &[(scripted, "fetch"), (origin, "https://app.example.com.foreign.example")],
        &[(scripted, "fetch"), (origin, "http://app.example.com")],
        &[(scripted, "fetch"), (origin, &own), (origin, "https://foreign.example")],
        // What says whose page it is counts before what says how far away it is.
        &[(scripted, "fetch"), (origin, "https://foreign.example"), (site, "same-origin")],
        &[(scripted, "fetch"), (site, "same-site")],
        &[(scripted, "fetch"), (site, "cross-site")],
        &[(scripted, "fetch"), (site, "none")],
        // No substitute for an origin.
        &[(scripted, "fetch"), ("Referer", &own)],
    ];
    let changes =
        [(Method::PATCH, "/api/v1/me"), (Method::DELETE, "/api/v1/me/sessions"), (Method::POST, "/auth/logout")];
    for fields in refused {
        for (method, path) in &changes {
            let request = browser.request(method.clone(), path).header("If-Match", "*").json(&json!({}));
            let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
            let reply = request.send().await;
            assert_eq!(
                (reply.status(), reply.problem().as_str()),
                (403, "cross-site-request"),
                "{method} {path} {fields:?}"
            );
        }
    }
    assert_eq!(browser.who().await.status(), 200);
    for fields in [&[(origin, own.as_str())], &[(origin, APP)], &[(site, "same-origin")]] {
        let request = browser.request(Method::PATCH, "/api/v1/me").header("If-Match", "*").header(scripted, "fetch");
        let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
        assert_eq!(request.json(&json!({})).send().await.status(), 200, "{fields:?}");
    }
}

#[actix_web::test]
async fn the_database_holds_nothing_that_opens_anything() {
    let app = spawn().await;
    // A server's files are not ours to read; what is written is the same.
    let Some(file) = app.database().url().strip_prefix("sqlite://").map(PathBuf::from) else { return };
    let browser = signed_in(&app, "bob").await;
    let mut copy = browser.copy();
    let session = browser.session().unwrap().to_owned();
    let id = copy.who().await.json()["session"]["id"].as_str().unwrap().to_owned();
    copy.send(copy.scripted(Method::POST, "/auth/logout")).await;
    let id_token = parameter(&super::location(&copy.get("/auth/logout").await), "id_token_hint").unwrap();
    let mut stored = Vec::new();
    for file in fs::read_dir(file.parent().unwrap()).unwrap() {
        stored.extend(fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&id), "this is where sessions are");
    assert!(!holds(&session), "the cookie is there");
    for part in id_token.split('.') {
        assert!(!holds(part), "the ID token is there");
    }
}
