//! The metrics for Prometheus, on a separate listener.

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

/// The label of the development issuer.
const ISSUER: (&str, &str) = ("issuer", "127.0.0.1");

fn setup() -> Setup {
    TestApp::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").var("OIDC_ROLES_CLAIM", "/roles")
}

async fn with_metrics() -> TestApp {
    setup().spawn().await
}

/// The growth of a count during an action.
async fn growth(app: &TestApp, name: &str, labels: &[(&str, &str)], action: impl AsyncFn()) -> f64 {
    let before = Metrics::of(app).await.count(name, labels);
    action().await;
    Metrics::of(app).await.count(name, labels) - before
}

#[actix_web::test]
async fn each_refusal_is_counted_by_its_reason() {
    let app = with_metrics().await;
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
    assert_eq!(refusals().await, before, "a served request is counted as a refusal");
}

#[actix_web::test]
async fn unusable_claim_is_counted_by_its_reason() {
    let app = with_metrics().await;
    for (roles, reason) in [(Some(json!(7)), "malformed"), (None, "absent")] {
        let token = app.token("bob");
        let token = if let Some(roles) = roles { token.claim("roles", roles) } else { token }.sign();
        let ask = async || assert_eq!(app.get(ME, &token).await.status(), 200);
        let labels = [ISSUER, ("reason", reason)];
        assert_eq!(growth(&app, "portcullis_claim_gaps_total", &labels, ask).await, 1.0, "{reason}");
    }
}

#[actix_web::test]
async fn client_input_becomes_no_label_and_the_api_is_not_on_this_listener() {
    let app = with_metrics().await;
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
async fn requests_are_counted_by_route_pattern_method_and_status() {
    let app = with_metrics().await;
    let admin = app.admin();
    let unknown_id = "019f9f5c-0000-7000-8000-000000000000";
    for (method, path, token, labels) in [
        (Method::GET, ME.to_owned(), Some(&admin), [ME, "GET", "200"]),
        (Method::GET, ME.to_owned(), None, [ME, "GET", "401"]),
        (Method::GET, format!("/api/v1/users/{unknown_id}"), Some(&admin), ["/api/v1/users/<id>", "GET", "404"]),
        (Method::PUT, ME.to_owned(), Some(&admin), [ME, "PUT", "405"]),
        (Method::TRACE, ME.to_owned(), Some(&admin), [ME, "other", "405"]),
        (Method::GET, "/no/such/route".to_owned(), None, ["unknown", "GET", "404"]),
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
    let app = with_metrics().await;
    let stranger = ("issuer", "unknown");
    let good = app.token("bob").sign();
    for (token, issuer, verdict) in [
        (good.clone(), ISSUER, "accepted"),
        // From the cache.
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
async fn key_set_metrics_report_state_age_and_fetches() {
    let app = with_metrics().await;
    let metric = async |name: &str, labels: &[(&str, &str)]| {
        let metrics = Metrics::of(&app).await;
        metrics.value(name, &[&[ISSUER], labels].concat())
    };
    let state = "portcullis_key_set_state";
    app.introduce("bob").await;
    assert_eq!(metric(state, &[("state", "fresh")]).await, Some(1.0));
    let age = "portcullis_key_set_age_seconds";
    let before = metric(age, &[]).await.unwrap();
    app.pass(34);
    assert_eq!(metric(age, &[]).await, Some(before + 34.0));

    let fetches = "portcullis_key_set_fetches_total";
    let good = metric(fetches, &[("outcome", "good")]).await.unwrap();
    let failed = metric(fetches, &[("outcome", "failed")]).await.unwrap();
    app.idp.jwks().fail(500);
    app.refetch_keys().await;
    assert!(metric(fetches, &[("outcome", "failed")]).await > Some(failed));
    assert_eq!(
        (metric(state, &[("state", "fresh")]).await, metric(state, &[("state", "stale")]).await),
        (Some(0.0), Some(1.0))
    );
    app.idp.jwks().reset();
    app.refetch_keys().await;
    assert!(metric(fetches, &[("outcome", "good")]).await > Some(good));
    assert_eq!(metric(state, &[("state", "fresh")]).await, Some(1.0));
}

#[actix_web::test]
async fn cache_metrics_report_entries_hits_and_misses() {
    let app = with_metrics().await;
    app.introduce("bob").await;
    let caches = async || {
        let metrics = Metrics::of(&app).await;
        ["tokens", "principals"].map(|cache| {
            ["hits_total", "misses_total", "entries"]
                .map(|what| metrics.value(&format!("portcullis_cache_{what}"), &[("cache", cache)]).unwrap())
        })
    };
    // The principal of a first contact is in the cache for the next request.
    app.get(ME, &app.token("bob").sign()).await;
    let [tokens, principals] = caches().await;
    let token = app.token("bob").claim("jti", "another").sign();
    app.get(ME, &token).await;
    let [[hits, misses, entries], [known, unknown, cached]] = caches().await;
    assert_eq!([hits, misses, entries], [tokens[0], tokens[1] + 1.0, tokens[2] + 1.0], "a new token");
    assert_eq!([known, unknown, cached], [principals[0] + 1.0, principals[1], principals[2]], "of a cached principal");
    app.get(ME, &token).await;
    assert_eq!(caches().await, [[hits + 1.0, misses, entries], [known + 1.0, unknown, cached]], "a cached token");
    app.get(ME, &app.token("bob").expires_in(-3600).sign()).await;
    assert_eq!(caches().await, [[hits + 1.0, misses, entries], [known + 1.0, unknown, cached]], "a refused token");
}

#[actix_web::test]
async fn created_principals_are_counted_once() {
    let app = with_metrics().await;
    let created = "portcullis_principals_created_total";
    let first_contacts = async || {
        app.introduce("carol").await;
        app.introduce("carol").await;
        app.introduce("dave").await;
    };
    assert_eq!(growth(&app, created, &[], first_contacts).await, 2.0);
}

#[actix_web::test]
async fn session_events_are_counted() {
    const TEN_MINUTES: u64 = 600;
    let app = browser::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").spawn().await;
    let events = async || {
        let metrics = Metrics::of(&app).await;
        ["opened", "renewed", "signed_out", "withdrawn"]
            .map(|event| metrics.value("portcullis_session_events_total", &[("event", event)]).unwrap())
    };
    assert_eq!(events().await, [0.0; 4]);
    let (mut one, mut other) = (browser::signed_in(&app, "bob").await, browser::signed_in(&app, "alice").await);
    assert_eq!(events().await, [2.0, 0.0, 0.0, 0.0]);
    app.pass(TEN_MINUTES);
    assert_eq!(one.who().await.status(), 200);
    assert_eq!(one.who().await.status(), 200);
    assert_eq!(events().await, [2.0, 1.0, 0.0, 0.0]);
    for _ in 0..2 {
        let out = other.scripted(Method::POST, "/auth/logout");
        assert_eq!(other.send(out).await.status(), 200);
    }
    assert_eq!(events().await, [2.0, 1.0, 1.0, 0.0]);
    for _ in 0..2 {
        let body = format!("logout_token={}", app.idp.logout_token().subject("bob").sign());
        let request = app.request(Method::POST, "/auth/backchannel-logout");
        assert_eq!(request.body("application/x-www-form-urlencoded", &body).send().await.status(), 200);
    }
    assert_eq!(events().await, [2.0, 1.0, 1.0, 1.0]);
}

#[actix_web::test]
async fn pool_metrics_report_size_and_use() {
    let app = with_metrics().await;
    let metrics = Metrics::of(&app).await;
    let of = |name: &str, pool| metrics.value(&format!("portcullis_database_{name}"), &[("pool", pool)]);
    let pools = if app.database().is_server() { vec![("all", 4.0)] } else { vec![("read", 8.0), ("write", 1.0)] };
    for (pool, size) in pools {
        assert_eq!(of("connections", pool), Some(size));
        assert!(of("connections_in_use", pool) <= of("connections", pool) && of("waiting", pool).is_some());
    }
}
