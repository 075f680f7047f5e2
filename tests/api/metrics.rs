//! What Prometheus reads, on a listener of its own.

mod queries;

use reqwest::Method;
use serde_json::json;

use crate::sessions::browser;
use crate::support::scrape::Metrics;
use crate::support::{Setup, TestApp, client};

const ME: &str = "/api/v1/me";
const REQUESTS: &str = "portcullis_http_request_duration_seconds";
const REFUSALS: &str = "portcullis_refusals_total";
const VERDICTS: &str = "portcullis_token_verdicts_total";

/// What the development issuer is called.
const ISSUER: (&str, &str) = ("issuer", "127.0.0.1");

fn setup() -> Setup {
    TestApp::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").var("OIDC_ROLES_CLAIM", "/roles")
}

async fn watched() -> TestApp {
    setup().spawn().await
}

/// How much a count grows by what is done.
async fn growth(app: &TestApp, name: &str, labels: &[(&str, &str)], doing: impl AsyncFn()) -> f64 {
    let before = Metrics::of(app).await.count(name, labels);
    doing().await;
    Metrics::of(app).await.count(name, labels) - before
}

#[actix_web::test]
async fn each_refusal_is_counted_by_its_reason() {
    let app = watched().await;
    let expired = app.token("bob").expires_in(-3600).sign();
    let narrow = app.token("bob").scope("profile:read").sign();
    for (path, token, reason) in [
        (ME, expired.as_str(), "expired"),
        (ME, "no-jwt", "not-a-signed-jwt"),
        ("/api/v1/users", narrow.as_str(), "insufficient-scope"),
        ("/api/v1/nowhere", narrow.as_str(), "not-found"),
    ] {
        let twice = async || {
            app.get(path, token).await;
            app.get(path, token).await;
        };
        assert_eq!(growth(&app, REFUSALS, &[("reason", reason)], twice).await, 2.0, "{reason}");
    }
    let refusals = async || {
        let text = Metrics::text(&app).await;
        text.lines().filter(|line| line.starts_with(REFUSALS)).map(str::to_owned).collect::<Vec<_>>()
    };
    app.get(ME, &narrow).await;
    let before = refusals().await;
    assert_eq!(app.get(ME, &narrow).await.status(), 200);
    assert_eq!(refusals().await, before, "what is served is no refusal");
}

#[actix_web::test]
async fn a_claim_that_gives_nothing_is_counted_by_its_reason() {
    let app = watched().await;
    for (roles, reason) in [(Some(json!(7)), "malformed"), (None, "absent")] {
        let token = app.token("bob");
        let token = if let Some(roles) = roles { token.claim("roles", roles) } else { token }.sign();
        let ask = async || assert_eq!(app.get(ME, &token).await.status(), 200);
        let labels = [ISSUER, ("reason", reason)];
        assert_eq!(growth(&app, "portcullis_claim_gaps_total", &labels, ask).await, 1.0, "{reason}");
    }
}

#[actix_web::test]
async fn what_a_client_sends_becomes_no_label_and_the_api_is_not_on_this_listener() {
    let app = watched().await;
    app.get("/api/v1/MARKED", "MARKED").await;
    app.get_without_token("/MARKED?MARKED=MARKED").await;
    app.request(Method::from_bytes(b"MARKED").unwrap(), ME).send().await;
    app.get(ME, &app.token("bob").issuer("https://MARKED.example").kid("MARKED").sign()).await;
    let metrics = Metrics::text(&app).await;
    assert!(metrics.contains(REFUSALS), "{metrics}");
    assert!(!metrics.contains("MARKED"), "{metrics}");
    let elsewhere = client().get(format!("{}{ME}", app.management_url())).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
    assert_eq!(app.get_without_token("/metrics").await.status(), 404);
}

#[actix_web::test]
async fn requests_are_counted_by_the_pattern_of_their_route_their_method_and_the_status() {
    let app = watched().await;
    let admin = app.admin();
    let nobody = "019f9f5c-0000-7000-8000-000000000000";
    for (method, path, token, labels) in [
        (Method::GET, ME.to_owned(), Some(&admin), [ME, "GET", "200"]),
        (Method::GET, ME.to_owned(), None, [ME, "GET", "401"]),
        (Method::GET, format!("/api/v1/users/{nobody}"), Some(&admin), ["/api/v1/users/<id>", "GET", "404"]),
        (Method::PUT, ME.to_owned(), Some(&admin), [ME, "PUT", "405"]),
        (Method::TRACE, ME.to_owned(), Some(&admin), [ME, "other", "405"]),
        (Method::GET, "/nobody/registered/this".to_owned(), None, ["unknown", "GET", "404"]),
    ] {
        let ask = async || {
            let request = app.request(method.clone(), &path);
            let request = if let Some(token) = token { request.bearer(token) } else { request };
            assert_eq!(request.send().await.status().to_string(), labels[2], "{method} {path}");
        };
        let [route, method, status] = labels;
        let labels = [("route", route), ("method", method), ("status", status)];
        assert_eq!(growth(&app, REQUESTS, &labels, ask).await, 1.0, "{labels:?}");
    }
    let metrics = Metrics::of(&app).await;
    let labels = [("route", ME), ("method", "GET"), ("status", "200")];
    assert_eq!(metrics.value(&format!("{REQUESTS}_count"), &labels), Some(1.0));
    assert!(metrics.value(&format!("{REQUESTS}_sum"), &labels) > Some(0.0));
}

#[actix_web::test]
async fn each_verdict_on_a_token_is_counted_for_its_issuer() {
    let app = watched().await;
    let stranger = ("issuer", "unknown");
    let good = app.token("bob").sign();
    for (token, issuer, verdict) in [
        (good.clone(), ISSUER, "accepted"),
        // Known again.
        (good, ISSUER, "accepted"),
        (app.token("bob").expires_in(-3600).sign(), ISSUER, "expired"),
        (app.token("bob").audience("another").sign(), ISSUER, "wrong-audience"),
        (app.token("bob").issuer("https://stranger.example").sign(), stranger, "unknown-issuer"),
        ("opaque".to_owned(), stranger, "not-a-signed-jwt"),
    ] {
        let ask = async || drop(app.get(ME, &token).await);
        assert_eq!(growth(&app, VERDICTS, &[issuer, ("verdict", verdict)], ask).await, 1.0, "{verdict}");
    }
}

#[actix_web::test]
async fn the_state_of_an_issuers_keys_is_told_with_their_age_and_how_they_were_fetched() {
    let app = watched().await;
    let told = async |name: &str, labels: &[(&str, &str)]| {
        let metrics = Metrics::of(&app).await;
        metrics.value(name, &[&[ISSUER], labels].concat())
    };
    let state = "portcullis_key_set_state";
    app.introduce("bob").await;
    assert_eq!(told(state, &[("state", "fresh")]).await, Some(1.0));
    let age = "portcullis_key_set_age_seconds";
    let before = told(age, &[]).await.unwrap();
    app.pass(34);
    assert_eq!(told(age, &[]).await, Some(before + 34.0));

    let fetches = "portcullis_key_set_fetches_total";
    let (good, failed) =
        (told(fetches, &[("outcome", "good")]).await.unwrap(), told(fetches, &[("outcome", "failed")]).await.unwrap());
    app.idp.jwks().fail(500);
    app.refetch_keys().await;
    assert!(told(fetches, &[("outcome", "failed")]).await > Some(failed));
    assert_eq!(
        (told(state, &[("state", "fresh")]).await, told(state, &[("state", "stale")]).await),
        (Some(0.0), Some(1.0))
    );
    app.idp.jwks().reset();
    app.refetch_keys().await;
    assert!(told(fetches, &[("outcome", "good")]).await > Some(good));
    assert_eq!(told(state, &[("state", "fresh")]).await, Some(1.0));
}

#[actix_web::test]
async fn what_is_remembered_is_told_and_whether_it_was_of_use() {
    let app = watched().await;
    app.introduce("bob").await;
    let told = async || {
        let metrics = Metrics::of(&app).await;
        ["tokens", "principals"].map(|cache| {
            ["hits_total", "misses_total", "entries"]
                .map(|what| metrics.value(&format!("portcullis_cache_{what}"), &[("cache", cache)]).unwrap())
        })
    };
    // What a first contact makes is remembered by the next request.
    app.get(ME, &app.token("bob").sign()).await;
    let [tokens, principals] = told().await;
    let token = app.token("bob").claim("jti", "another").sign();
    app.get(ME, &token).await;
    let [[hits, misses, entries], [known, unknown, people]] = told().await;
    assert_eq!([hits, misses, entries], [tokens[0], tokens[1] + 1.0, tokens[2] + 1.0], "a new token");
    assert_eq!([known, unknown, people], [principals[0] + 1.0, principals[1], principals[2]], "of somebody known");
    app.get(ME, &token).await;
    assert_eq!(told().await, [[hits + 1.0, misses, entries], [known + 1.0, unknown, people]], "a known token");
    app.get(ME, &app.token("bob").expires_in(-3600).sign()).await;
    assert_eq!(told().await, [[hits + 1.0, misses, entries], [known + 1.0, unknown, people]], "a refused token");
}

#[actix_web::test]
async fn people_who_become_known_are_counted_once() {
    let app = watched().await;
    let created = "portcullis_principals_created_total";
    let meet = async || {
        app.introduce("carol").await;
        app.introduce("carol").await;
        app.introduce("dave").await;
    };
    assert_eq!(growth(&app, created, &[], meet).await, 2.0);
}

#[actix_web::test]
async fn what_becomes_of_sessions_is_counted() {
    const TEN_MINUTES: u64 = 600;
    let app = browser::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").spawn().await;
    let told = async || {
        let metrics = Metrics::of(&app).await;
        ["opened", "renewed", "signed_out", "withdrawn"]
            .map(|event| metrics.value("portcullis_session_events_total", &[("event", event)]).unwrap())
    };
    assert_eq!(told().await, [0.0; 4]);
    let (mut one, mut other) = (browser::signed_in(&app, "bob").await, browser::signed_in(&app, "alice").await);
    assert_eq!(told().await, [2.0, 0.0, 0.0, 0.0]);
    app.pass(TEN_MINUTES);
    assert_eq!(one.who().await.status(), 200);
    assert_eq!(one.who().await.status(), 200);
    assert_eq!(told().await, [2.0, 1.0, 0.0, 0.0]);
    for _ in 0..2 {
        let out = other.scripted(Method::POST, "/auth/logout");
        assert_eq!(other.send(out).await.status(), 200);
    }
    assert_eq!(told().await, [2.0, 1.0, 1.0, 0.0]);
    for _ in 0..2 {
        let body = format!("logout_token={}", app.idp.logout_token().subject("bob").sign());
        let request = app.request(Method::POST, "/auth/backchannel-logout");
        assert_eq!(request.body("application/x-www-form-urlencoded", &body).send().await.status(), 200);
    }
    assert_eq!(told().await, [2.0, 1.0, 1.0, 1.0]);
}

#[actix_web::test]
async fn the_pools_are_told_with_their_size_and_who_uses_them() {
    let app = watched().await;
    let metrics = Metrics::of(&app).await;
    let of = |name: &str, pool| metrics.value(&format!("portcullis_database_{name}"), &[("pool", pool)]);
    let pools = if app.database().is_server() { vec![("all", 4.0)] } else { vec![("read", 8.0), ("write", 1.0)] };
    for (pool, size) in pools {
        assert_eq!(of("connections", pool), Some(size));
        assert!(of("connections_in_use", pool) <= of("connections", pool) && of("waiting", pool).is_some());
    }
}
