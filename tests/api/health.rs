//! The health endpoints and the health command.

use portcullis::actix_web::rt::task::spawn_blocking;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::program::Program;

fn state(readiness: &Value, name: &str) -> (bool, String) {
    let checks = readiness["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    (check["passed"].as_bool().unwrap(), check["state"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn running_service_is_live_without_a_token() {
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
    assert_eq!(state(&ready.json(), "server"), (true, "serving".to_owned()));
    assert_eq!(ready.header("connection"), None, "a running service keeps its connections");
}

#[actix_web::test]
async fn each_check_reports_how_long_its_state_lasts() {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    let ages = async || {
        let ready = app.get_without_token("/health/ready").await.json();
        let checks = ready["checks"].as_array().unwrap().clone();
        checks.iter().map(|check| (check["name"].clone(), check["age_seconds"].clone())).collect::<Vec<_>>()
    };
    let parts = ["database", "key_set", "migrations", "server"];
    assert_eq!(ages().await, parts.map(|name| (json!(name), json!(0))));
    app.pass(60);
    assert_eq!(ages().await, parts.map(|name| (json!(name), json!(60))));
}

#[actix_web::test]
async fn readiness_follows_the_migrations_of_the_database() {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    let change = |statement: &str| app.database().execute(statement);
    let ready = async || {
        let ready = app.get_without_token("/health/ready").await;
        (ready.status(), state(&ready.json(), "migrations"))
    };
    assert_eq!(ready().await, (200, (true, "current".to_owned())));
    change("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')");
    assert_eq!(ready().await, (200, (true, "ahead".to_owned())), "a newer program may have migrated");
    change("DELETE FROM __diesel_schema_migrations");
    assert_eq!(ready().await, (503, (false, "behind".to_owned())));
    change("ALTER TABLE __diesel_schema_migrations RENAME TO elsewhere");
    assert_eq!(ready().await, (503, (false, "unknown".to_owned())));
}

#[actix_web::test]
async fn start_ends_after_the_first_fetch_of_the_keys() {
    let app = TestApp::setup().spawn_after(|idp| idp.discovery().hold()).await;
    let startup = async || {
        let startup = app.get_without_token("/health/startup").await;
        (startup.status(), startup.json()["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(startup().await, (503, "starting".to_owned()));
    app.idp.discovery().fail(500);
    app.idp.discovery().release();
    // A request without a known key waits for the fetch.
    assert_eq!(app.get("/api/v1/me", &app.token("bob").sign()).await.status(), 503);
    assert_eq!(startup().await, (200, "started".to_owned()), "an unavailable provider does not delay the start");
}

#[actix_web::test]
async fn health_command_fails_while_the_service_is_not_ready() {
    let ready = TestApp::spawn().await;
    ready.introduce("bob").await;
    let ask = async |app: &TestApp, arguments: &'static [&'static str]| {
        let bind = app.url().strip_prefix("http://").unwrap().to_owned();
        let program = Program::portcullis().var("SERVER_BIND", &bind);
        spawn_blocking(move || program.run(arguments)).await.unwrap()
    };
    let outcome = ask(&ready, &["health"]).await;
    assert!(outcome.printed().contains("ok   database reachable") && !outcome.printed().contains("FAIL"));
    let not_ready = TestApp::with_broken_provider().await;
    assert_eq!(not_ready.get("/api/v1/me", &not_ready.token("bob").sign()).await.status(), 503);
    let outcome = ask(&not_ready, &["health"]).await;
    assert!(outcome.output().contains("FAIL key_set") && outcome.stderr().contains("503"), "{}", outcome.output());
    for question in [&["health", "live"], &["health", "startup"]] {
        assert!(ask(&not_ready, question).await.succeeded(), "{question:?}");
    }
    let absent = Program::portcullis().var("SERVER_BIND", "127.0.0.1:1").run(&["health"]);
    assert!(absent.stderr().contains("no response from 127.0.0.1:1"), "{}", absent.stderr());
}

#[actix_web::test]
async fn service_with_an_unavailable_provider_is_live_and_not_ready() {
    let app = TestApp::with_broken_provider().await;
    let refused = app.get("/api/v1/me", &app.token("bob").sign()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "keys-unavailable"));
    let ready = app.get_without_token("/health/ready").await;
    assert_eq!((ready.status(), &ready.json()["status"]), (503, &json!("not-ready")));
    assert_eq!(state(&ready.json(), "key_set"), (false, "empty".to_owned()));
    assert_eq!(app.get_without_token("/health/live").await.status(), 204);
}
