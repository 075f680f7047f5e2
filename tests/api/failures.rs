//! Handlers that fail with foreign errors.

use portcullis::actix_web::{Error as ActixError, error};
use portcullis::{Api, Application, PUBLIC, op, utoipa};
use serde_json::json;

use crate::support::TestApp;

/// Panics.
#[utoipa::path(get, path = "", responses((status = 500)))]
async fn panics() -> &'static str {
    panic!("marked")
}

/// Returns a client error of Actix.
#[utoipa::path(get, path = "", responses((status = 409)))]
async fn refuses() -> Result<&'static str, ActixError> {
    Err(error::ErrorConflict("marked"))
}

/// Returns a server error of Actix.
#[utoipa::path(get, path = "", responses((status = 500)))]
async fn fails() -> Result<&'static str, ActixError> {
    Err(error::ErrorBadGateway("marked"))
}

fn register(api: &mut Api) {
    api.get("/panics", PUBLIC, op!(panics)).get("/refuses", PUBLIC, op!(refuses)).get("/fails", PUBLIC, op!(fails));
}

#[actix_web::test]
async fn failure_of_a_handler_is_a_problem_without_its_message() {
    let app = TestApp::setup().application(Application::new().routes(register)).spawn().await;
    for (path, status, kind) in [
        ("/panics", 500, "urn:portcullis:problem:internal"),
        ("/fails", 500, "urn:portcullis:problem:internal"),
        ("/refuses", 409, "about:blank"),
    ] {
        let reply = app.get_without_token(path).await;
        assert_eq!((reply.status(), &reply.json()["type"]), (status, &json!(kind)), "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.json()["instance"].as_str(), reply.header("x-request-id"));
        assert!(!reply.text().contains("marked"), "{}", reply.text());
    }
    assert_eq!(app.get_without_token("/health/live").await.status(), 204);
}
