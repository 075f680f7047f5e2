//! What Prometheus reads, on a listener of its own.

use prometheus_parse::{Sample, Scrape, Value};
use serde_json::json;

use crate::support::{TestApp, client};

const ME: &str = "/api/v1/me";

async fn watched() -> TestApp {
    TestApp::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").var("OIDC_ROLES_CLAIM", "/roles").spawn().await
}

async fn text(app: &TestApp) -> String {
    client().get(format!("{}/metrics", app.management_url())).send().await.unwrap().text().await.unwrap()
}

/// The value of a counter, 0 where it is not told of yet.
async fn count(app: &TestApp, name: &str, reason: &str) -> f64 {
    let text = text(app).await;
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let is_asked_for = |sample: &&Sample| sample.metric == name && sample.labels.get("reason") == Some(reason);
    match scrape.samples.iter().find(is_asked_for).map(|sample| &sample.value) {
        Some(Value::Counter(count)) => *count,
        None => 0.0,
        Some(other) => panic!("{name} is no counter: {other:?}"),
    }
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
        let before = count(&app, "portcullis_refusals_total", reason).await;
        for _ in 0..2 {
            app.get(path, token).await;
        }
        assert_eq!(count(&app, "portcullis_refusals_total", reason).await - before, 2.0, "{reason}");
    }
    app.get(ME, &narrow).await;
    let before = text(&app).await;
    assert_eq!(app.get(ME, &narrow).await.status(), 200);
    assert_eq!(text(&app).await, before, "what is served is no refusal");
}

#[actix_web::test]
async fn a_claim_that_gives_nothing_is_counted_by_its_reason() {
    let app = watched().await;
    for (roles, reason) in [(Some(json!(7)), "malformed"), (None, "absent")] {
        let before = count(&app, "portcullis_claim_gaps_total", reason).await;
        let token = app.token("bob");
        let token = if let Some(roles) = roles { token.claim("roles", roles) } else { token };
        assert_eq!(app.get(ME, &token.sign()).await.status(), 200);
        assert_eq!(count(&app, "portcullis_claim_gaps_total", reason).await - before, 1.0, "{reason}");
    }
}

#[actix_web::test]
async fn what_a_client_sends_becomes_no_label_and_the_api_is_not_on_this_listener() {
    let app = watched().await;
    app.get("/api/v1/MARKED", "MARKED").await;
    app.get_without_token("/MARKED?MARKED=MARKED").await;
    let metrics = text(&app).await;
    assert!(metrics.contains("portcullis_refusals_total"), "{metrics}");
    assert!(!metrics.contains("MARKED"), "{metrics}");
    let elsewhere = client().get(format!("{}{ME}", app.management_url())).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
    assert_eq!(app.get_without_token("/metrics").await.status(), 404);
}
