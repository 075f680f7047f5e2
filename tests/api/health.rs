//! Whether the service says rightly how it is.

use serde_json::{Value, json};

use crate::support::TestApp;

fn state(readiness: &Value, name: &str) -> (bool, String) {
    let checks = readiness["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    (check["passed"].as_bool().unwrap(), check["state"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn a_service_that_runs_is_live_without_a_token() {
    let app = TestApp::spawn().await;
    assert_eq!(app.get_without_token("/health/live").await.status(), 204);
}

#[actix_web::test]
async fn readiness_names_the_database_and_the_key_set() {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    let ready = app.get_without_token("/health/ready").await;
    assert_eq!((ready.status(), &ready.json()["status"]), (200, &json!("ready")));
    assert_eq!(state(&ready.json(), "database"), (true, "reachable".to_owned()));
    assert_eq!(state(&ready.json(), "key_set"), (true, "fresh".to_owned()));
}

#[actix_web::test]
async fn a_service_whose_provider_is_down_runs_and_is_not_ready() {
    let app = TestApp::with_broken_provider().await;
    let refused = app.get("/api/v1/me", &app.token("bob").sign()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "keys-unavailable"));
    let ready = app.get_without_token("/health/ready").await;
    assert_eq!((ready.status(), &ready.json()["status"]), (503, &json!("not-ready")));
    assert_eq!(state(&ready.json(), "key_set"), (false, "empty".to_owned()));
    assert_eq!(app.get_without_token("/health/live").await.status(), 204);
}
