//! Faults of the key set: unknown keys, a slow, broken, lying or absent provider, rotation and restart.
//!
//! No test waits for real time: the test moves the clock, and the provider holds a response for as long as a test needs.

use std::cell::Cell;
use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use portcullis::actix_web::rt;
use portcullis::dev::{Algorithm, Issuer, IssuerOptions, SigningKey};
use serde_json::json;

use crate::support::{AUDIENCE, Reply, TestApp};

/// Longer than the cooldown after a fetch, and than the pause after a failed one.
const PAST_COOLDOWN: u64 = 34;
/// Longer than the pause after a good fetch.
const PAST_REFRESH: u64 = 661;
const DAY: u64 = 24 * 60 * 60;

const ME: &str = "/api/v1/me";

/// The service with its keys fetched and bob known.
async fn settled() -> TestApp {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    app
}

/// Requests the profile with a valid token of bob, signed now.
async fn get_me(app: &TestApp) -> Reply {
    app.get(ME, &app.token("bob").sign()).await
}

fn is_outage(reply: &Reply) -> bool {
    assert_eq!(reply.challenge(), None, "an outage is not the caller's fault");
    (reply.status(), reply.problem().as_str(), reply.header("retry-after")) == (503, "keys-unavailable", Some("5"))
}

fn break_provider(app: &TestApp) {
    app.idp.discovery().fail(500);
    app.idp.jwks().fail(503);
}

#[actix_web::test]
async fn ten_thousand_unknown_keys_cost_at_most_two_fetches() {
    let app = settled().await;
    let key = SigningKey::generate(Algorithm::EdDsa);
    app.pass(PAST_COOLDOWN);
    let before = app.idp.jwks().requests();
    for hundred in 0..100 {
        let tokens = (0..100).map(|one| app.token("bob").signed_by(&key).kid(&format!("{hundred}-{one}")).sign());
        let tokens: Vec<String> = tokens.collect();
        for reply in join_all(tokens.iter().map(|token| app.get(ME, token))).await {
            assert_eq!((reply.status(), reply.problem().as_str()), (401, "invalid-token"));
        }
    }
    let fetches = app.idp.jwks().requests() - before;
    assert!((1..=2).contains(&fetches), "{fetches} fetches");
}

#[actix_web::test]
async fn tokens_with_other_faults_cost_no_fetch() {
    let app = settled().await;
    app.pass(PAST_COOLDOWN);
    let before = app.idp.discovery().requests();
    let stranger = || app.token("bob").kid("unpublished");
    let wrong = [
        stranger().issuer("https://attacker.example"),
        stranger().audience("https://another.example.test"),
        stranger().expires_in(-60),
        stranger().header("alg", "HS256"),
        stranger().header("typ", "logout+jwt"),
        stranger().claim("sub", ""),
        stranger().claim("token_use", "id"),
    ];
    for token in wrong {
        assert_eq!(app.get(ME, &token.sign()).await.status(), 401);
    }
    assert_eq!(app.idp.discovery().requests(), before);
}

#[actix_web::test]
async fn slow_provider_does_not_delay_tokens_of_known_keys() {
    let app = settled().await;
    app.pass(PAST_COOLDOWN);
    let before = app.idp.jwks().requests();
    app.idp.jwks().hold();
    let stranger_is_answered = Cell::new(false);
    let stranger = async {
        let reply = app.get_with_unknown_key().await;
        stranger_is_answered.set(true);
        reply
    };
    let holders = async {
        app.idp.jwks().wait_for_requests(before + 1).await;
        for algorithm in Algorithm::ALL {
            let token = app.token("bob").algorithm(algorithm).sign();
            assert_eq!(app.get(ME, &token).await.status(), 200, "{algorithm:?}");
        }
        assert!(!stranger_is_answered.get(), "tokens of known keys must be served during the fetch");
        app.idp.jwks().release();
    };
    let (stranger, ()) = join(stranger, holders).await;
    assert_eq!(stranger.status(), 401);
    assert_eq!(app.idp.jwks().requests(), before + 1);
}

#[actix_web::test]
async fn no_request_fails_while_keys_rotate() {
    const ROTATIONS: usize = 8;
    let app = settled().await;
    let rotated = Cell::new(0);
    let signed_with = std::cell::RefCell::new(BTreeSet::new());
    let client = |algorithm| {
        let (app, rotated, signed_with) = (&app, &rotated, &signed_with);
        async move {
            while rotated.get() < ROTATIONS {
                let token = app.token("bob").algorithm(algorithm).sign();
                let reply = app.get(ME, &token).await;
                assert_eq!(reply.status(), 200, "{algorithm:?}: {}", reply.text());
                signed_with.borrow_mut().insert(crate::support::jose::segments(&token)[0].to_owned());
            }
        }
    };
    let rotation = async {
        while rotated.get() < ROTATIONS {
            // The provider signs with a key that it has just published, each time the cooldown is over.
            app.pass(PAST_COOLDOWN);
            app.idp.rotate(Algorithm::Es256);
            app.idp.rotate(Algorithm::EdDsa);
            for _ in 0..5 {
                assert_eq!(app.get(ME, &app.token("bob").algorithm(Algorithm::Es256).sign()).await.status(), 200);
            }
            rotated.set(rotated.get() + 1);
        }
    };
    let clients =
        [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(client);
    join(rotation, join_all(clients)).await;
    assert!(signed_with.borrow().len() > ROTATIONS, "{} keys were used", signed_with.borrow().len());
}

#[actix_web::test]
async fn withdrawn_key_is_refused_after_the_next_refresh() {
    let app = settled().await;
    let token = || app.token("bob").algorithm(Algorithm::Es256).expires_in(7_200);
    let old = token().sign();
    app.idp.rotate(Algorithm::Es256);
    app.refetch_keys().await;
    let new = token().sign();
    for token in [&old, &new] {
        assert_eq!(app.get(ME, token).await.status(), 200, "both keys are published");
    }
    app.idp.withdraw_old_keys();
    assert_eq!(app.get(ME, &old).await.status(), 200, "the key set has not been fetched yet");
    // The database has one writer: once alice is stored, the last fetch is stored too, and the pause before the next has begun.
    app.introduce("alice").await;

    let before = app.idp.jwks().requests();
    app.idp.jwks().hold();
    app.pass(PAST_REFRESH);
    app.idp.jwks().wait_for_requests(before + 1).await;
    app.idp.jwks().release();
    // The refresh was automatic; a request without a known key waits for its end.
    assert_eq!(app.get_with_unknown_key().await.status(), 401);
    let refused = app.get(ME, &old).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (401, "invalid-token"));
    assert_eq!(app.get(ME, &new).await.status(), 200);
}

#[actix_web::test]
async fn service_restarted_during_an_outage_verifies_tokens() {
    let app = settled().await;
    // The database has one writer: once alice is stored, the keys are stored too.
    app.introduce("alice").await;
    break_provider(&app);
    let app = app.restart().await;
    for algorithm in Algorithm::ALL {
        let reply = app.get(ME, &app.token("bob").algorithm(algorithm).sign()).await;
        assert_eq!(reply.status(), 200, "{algorithm:?}: {}", reply.text());
    }
    let refused = app.get(ME, &app.token("bob").header("alg", "ES256").sign()).await;
    assert_eq!(refused.status(), 401, "the stored keys keep their algorithms");
}

#[actix_web::test]
async fn stored_keys_keep_their_age_after_a_restart() {
    let app = settled().await;
    app.introduce("alice").await;
    break_provider(&app);
    app.pass(DAY - 1);
    let app = app.restart().await;
    assert_eq!(get_me(&app).await.status(), 200);
    app.pass(1);
    assert!(is_outage(&get_me(&app).await));
    let app = app.restart().await;
    assert!(is_outage(&get_me(&app).await));
}

#[actix_web::test]
async fn keys_expire_after_a_day_without_a_fetch() {
    let app = settled().await;
    break_provider(&app);
    app.pass(DAY - 1);
    assert_eq!(get_me(&app).await.status(), 200);
    app.pass(1);
    assert!(is_outage(&get_me(&app).await));
    assert!(is_outage(&app.get_with_unknown_key().await));
    app.pass(7 * DAY);
    assert!(is_outage(&get_me(&app).await));

    app.idp.discovery().reset();
    app.idp.jwks().reset();
    app.pass(PAST_COOLDOWN);
    assert_eq!(get_me(&app).await.status(), 200, "the service recovers");
}

#[actix_web::test]
async fn invalid_documents_never_replace_valid_keys() {
    let app = settled().await;
    let sound = app.idp.key_set().to_string();
    let private = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }] });
    let entry = &app.idp.key_set()["keys"][0];
    let documents = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "<!doctype html><title>Sign in</title>".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":null}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":[{},1,null]}"#.to_owned(),
        r#"{"keys":[{"kty":"oct","k":"AQAB"}]}"#.to_owned(),
        private.to_string(),
        sound.get(..sound.len() - 2).unwrap().to_owned(),
        format!("{sound}{sound}"),
        format!("{}{sound}", " ".repeat(512 * 1024)),
        json!({ "keys": vec![entry; 101] }).to_string(),
        sound.replacen('{', r#"{"keys":[],"#, 1),
    ];
    for document in documents {
        app.idp.jwks().serve(document.clone());
        let start = document.get(..40).unwrap_or(&document);
        assert!(is_outage(&app.refetch_keys().await), "{start}");
        assert_eq!(get_me(&app).await.status(), 200, "{start}");
    }
    for status in [204, 304, 400, 401, 403, 404, 429, 500, 503] {
        app.idp.jwks().fail(status);
        assert!(is_outage(&app.refetch_keys().await), "{status}");
        assert_eq!(get_me(&app).await.status(), 200, "{status}");
    }
    app.idp.jwks().reset();
    assert_eq!(app.refetch_keys().await.status(), 401, "the provider's keys are fetched again");
}

#[actix_web::test]
async fn metadata_with_a_wrong_issuer_or_key_set_address_is_refused() {
    let app = settled().await;
    let honest = app.idp.discovery_document();
    let with = |name: &str, value: serde_json::Value| {
        let mut document = honest.clone();
        document[name] = value;
        document.to_string()
    };
    let before = app.idp.jwks().requests();
    for document in [
        with("issuer", json!("https://attacker.example")),
        with("issuer", json!(format!("{}/", app.idp.url()))),
        with("issuer", json!([app.idp.url()])),
        with("jwks_uri", json!("http://attacker.example/jwks")),
        with("jwks_uri", json!("http://169.254.169.254/latest/meta-data")),
        with("jwks_uri", json!("file:///etc/passwd")),
        with("jwks_uri", json!("/jwks")),
        with("jwks_uri", json!(null)),
        "{}".to_owned(),
    ] {
        app.idp.discovery().serve(document.clone());
        assert!(is_outage(&app.refetch_keys().await), "{document}");
        assert_eq!(get_me(&app).await.status(), 200, "{document}");
    }
    assert_eq!(app.idp.jwks().requests(), before);
}

#[actix_web::test]
async fn redirect_of_the_provider_is_not_followed() {
    let app = settled().await;
    let decoy =
        Issuer::start(IssuerOptions { clock: app.clock.clone(), ..IssuerOptions::new(AUDIENCE) }).await.unwrap();
    app.idp.jwks().redirect(&format!("{}/jwks", decoy.url()));
    assert!(is_outage(&app.refetch_keys().await));
    app.idp.jwks().reset();
    app.idp.discovery().redirect(&format!("{}/.well-known/openid-configuration", decoy.url()));
    assert!(is_outage(&app.refetch_keys().await));
    assert_eq!((decoy.jwks().requests(), decoy.discovery().requests()), (0, 0));
    assert_eq!(get_me(&app).await.status(), 200);
}

#[actix_web::test]
async fn service_recovers_by_itself_when_the_provider_returns() {
    let app = TestApp::with_broken_provider().await;
    assert!(is_outage(&get_me(&app).await));
    app.idp.discovery().reset();
    app.idp.jwks().reset();
    app.idp.jwks().hold();
    app.pass(PAST_COOLDOWN);
    app.idp.jwks().wait_for_requests(1).await;
    app.idp.jwks().release();
    assert_eq!(get_me(&app).await.status(), 200, "the fetch was automatic");
    assert_eq!(app.idp.jwks().requests(), 1);
    assert_eq!(app.get_without_token("/health/ready").await.status(), 200);
}

#[actix_web::test]
async fn provider_that_starts_after_the_service_is_found() {
    // Bound but not listening: the port is reserved, and connections are refused.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    let url = format!("http://{address}");
    let app = TestApp::setup().var("OIDC_ISSUER", &url).var("BOOTSTRAP_ADMIN", "").spawn().await;
    let early = app.idp.token().subject("bob").issuer(&url).sign();
    assert!(is_outage(&app.get(ME, &early).await));

    drop(reserved);
    let options = IssuerOptions { bind: address, clock: app.clock.clone(), ..IssuerOptions::new(AUDIENCE) };
    let late = Issuer::start(options).await.unwrap();
    app.pass(PAST_COOLDOWN);
    let reply = app.get(ME, &late.token().subject("bob").sign()).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

#[actix_web::test]
async fn aborted_request_does_not_abort_a_shared_fetch() {
    let app = settled().await;
    app.pass(PAST_COOLDOWN);
    let before = app.idp.jwks().requests();
    app.idp.rotate(Algorithm::EdDsa);
    app.idp.jwks().hold();
    let url = format!("{}{ME}", app.url());
    let token = app.token("bob").algorithm(Algorithm::EdDsa).sign();
    let aborted = rt::spawn(reqwest::Client::new().get(&url).bearer_auth(&token).send());
    app.idp.jwks().wait_for_requests(before + 1).await;
    aborted.abort();
    let waiting = app.get(ME, &token);
    let release = async { app.idp.jwks().release() };
    let (waiting, ()) = join(waiting, release).await;
    assert_eq!(waiting.status(), 200);
    assert_eq!(app.idp.jwks().requests(), before + 1);
}
