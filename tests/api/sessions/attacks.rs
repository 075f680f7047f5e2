//! Attacks on each defence of the sign-in and of the session cookie.

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
async fn callback_with_another_state_is_refused_and_the_right_one_still_succeeds() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let asked = app.idp.token_endpoint().requests();
    for forged in [Some("forged"), Some(""), None] {
        assert_refused(&browser.get(&with(&back, "state", forged)).await);
    }
    assert_eq!(app.idp.token_endpoint().requests(), asked, "a forged callback caused a token request");
    browser.arrive(&back).await;
    assert_eq!(browser.who().await.status(), 200);
}

#[actix_web::test]
async fn callback_of_another_browser_signs_in_no_victim() {
    let app = spawn().await;
    let mut attacker = Browser::new(&app);
    let page = attacker.begin("/auth/login?return_to=/app").await;
    let back = attacker.agree(&page, "alice").await;
    let mut victim = Browser::new(&app);
    assert_refused(&victim.get(&back).await);
    // The same while the victim has begun a sign-in.
    victim.begin("/auth/login?return_to=/app").await;
    assert_refused(&victim.get(&back).await);
    assert_eq!(victim.session(), None);
}

#[actix_web::test]
async fn callback_succeeds_once_and_reloading_it_is_harmless() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    browser.arrive(&back).await;
    let asked = app.idp.token_endpoint().requests();
    assert_refused(&browser.get(&back).await);
    assert_eq!(app.idp.token_endpoint().requests(), asked, "a provider treats a repeated code as theft");
    app.pass(600);
    assert_eq!(browser.who().await.status(), 200, "the refresh token is still valid");
}

#[actix_web::test]
async fn code_with_its_login_cookie_succeeds_once() {
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
async fn code_of_another_sign_in_is_refused() {
    let app = spawn().await;
    let (mut attacker, mut victim) = (Browser::new(&app), Browser::new(&app));
    let page = attacker.begin("/auth/login?return_to=/app").await;
    let theirs = attacker.agree(&page, "alice").await;
    let page = victim.begin("/auth/login?return_to=/app").await;
    let own = victim.agree(&page, "bob").await;
    // The state is right: PKCE and the nonce are the remaining checks.
    let (_, query) = theirs.split_once('?').unwrap();
    let code = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").unwrap().1;
    let landed = victim.arrive(&with(&own, "code", Some(&code))).await;
    assert_eq!(landed.query(), Some("error=login-failed"));
    assert_eq!(victim.session(), None);
}

#[actix_web::test]
async fn callback_without_the_right_issuer_is_refused() {
    let app = spawn().await;
    let asked = app.idp.token_endpoint().requests();
    for issuer in [Some("https://foreign.example"), Some(""), None] {
        let mut browser = Browser::new(&app);
        let page = browser.begin("/auth/login?return_to=/app").await;
        let back = browser.agree(&page, "bob").await;
        assert_eq!(browser.arrive(&with(&back, "iss", issuer)).await.query(), Some("error=login-failed"), "{issuer:?}");
    }
    assert_eq!(app.idp.token_endpoint().requests(), asked, "the code of another issuer was sent");
}

#[actix_web::test]
async fn sign_in_expires_after_ten_minutes() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    let page = browser.begin("/auth/login?return_to=/app").await;
    app.pass(600);
    let back = browser.agree(&page, "bob").await;
    assert_refused(&browser.get(&back).await);
}

#[actix_web::test]
async fn authorization_request_is_bound_to_the_browser_and_has_a_fixed_redirect_uri() {
    let app = spawn().await;
    let mut browser = Browser::new(&app);
    // A forwarded host has no effect on the redirect URI.
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
        assert!(!kept.contains(&get(name)), "the cookie reveals {name}");
    }
}

#[actix_web::test]
async fn changed_or_made_up_cookie_is_refused() {
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
async fn foreign_return_address_is_refused() {
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
    assert_eq!(browser.arrive(&back).await.as_str(), format!("{APP}/welcome?a=b"), "an allowed origin is accepted");
}

#[actix_web::test]
async fn planted_session_id_is_useless_after_the_sign_in() {
    let app = spawn().await;
    // A made-up one, and a session of the attacker.
    let attackers = signed_in(&app, "alice").await;
    for planted in ["planted-by-an-attacker", attackers.session().unwrap()] {
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
async fn copied_cookie_is_useless_after_the_sign_out() {
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
async fn two_cookies_of_one_name_are_refused() {
    let app = spawn().await;
    let mut browser = signed_in(&app, "bob").await;
    let cookies = format!("session={}; session=planted", browser.session().unwrap());
    browser.cookies.clear();
    let reply = browser.send(browser.request(Method::GET, "/auth/session").header("Cookie", &cookies)).await;
    assert_eq!(reply.problem(), "invalid-request");
}

#[actix_web::test]
async fn change_by_cookie_requires_a_script_of_an_allowed_origin() {
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
        // `Origin` takes precedence over `Sec-Fetch-Site`.
        &[(scripted, "fetch"), (origin, "https://foreign.example"), (site, "same-origin")],
        &[(scripted, "fetch"), (site, "same-site")],
        &[(scripted, "fetch"), (site, "cross-site")],
        &[(scripted, "fetch"), (site, "none")],
        // `Referer` does not replace `Origin`.
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
async fn database_contains_no_usable_credential() {
    let app = spawn().await;
    // The files of a server are not accessible here; it stores the same values.
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
    let contains = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains(&id), "the session's id is not in these files");
    assert!(!contains(&session), "the cookie is stored");
    for part in id_token.split('.') {
        assert!(!contains(part), "the ID token is stored");
    }
}
