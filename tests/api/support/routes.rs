//! The routes of the service as `portcullis routes` prints them, and a request to each that succeeds for an authorized caller.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::json;

use super::program::Program;
use super::{Request, TestApp};

/// A line of `portcullis routes`.
#[derive(Debug)]
pub struct RouteLine {
    pub method: String,
    pub path: String,
    /// `public`, `authenticated`, or a permission.
    pub access: String,
}

impl RouteLine {
    /// Reads `METHOD PATH ACCESS`.
    pub fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, path, access] = words[..] else { panic!("not three columns: {line}") };
        Self { method: method.to_owned(), path: path.to_owned(), access: access.to_owned() }
    }

    /// The permission that the route requires.
    pub fn permission(&self) -> Option<&str> {
        self.access.contains(':').then_some(&self.access)
    }

    /// The path as OpenAPI spells it: without the pattern of a parameter.
    pub fn template(&self) -> String {
        self.path.replace(":.*}", "}")
    }
}

/// Every route of the service.
pub fn registered() -> Vec<RouteLine> {
    let table = Program::portcullis().run(&["routes"]).printed().to_owned();
    table.lines().skip(1).map(RouteLine::parse).collect()
}

/// A request to the route with new targets, so that the order of requests does not matter.
pub async fn fresh_request(app: &TestApp, method: &str, path: &str) -> Request {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("target-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut target = path.replace("{file:.*}", "").replace("{path:.*}", "elsewhere");
    if target.contains("{role}") {
        // Granting a role requires its permissions; revoking requires fewer.
        if method == "PUT" {
            app.make_role(&name, &[]).await;
        }
        target = target.replace("{role}", if method == "PUT" { &name } else { "auditor" });
    }
    if target.contains("{id}") {
        let is_service_account = path.contains("/service-accounts/");
        let id = if is_service_account { app.register_machine(&name, &[]).await } else { app.introduce(&name).await };
        target = target.replace("{id}", &id);
        if target.contains("{identity_id}") {
            let identity = json!({ "issuer": app.idp.url(), "subject": format!("{name}-too") });
            let linked = app.post(&format!("/api/v1/users/{id}/identities"), &app.admin(), identity).await;
            target = target.replace("{identity_id}", linked.json()["id"].as_str().unwrap());
        }
    }
    if target.contains("{name}") {
        if method != "PUT" {
            app.make_role(&name, &["profile:read"]).await;
        }
        target = target.replace("{name}", &name);
    }
    assert!(!target.contains('{'), "no value for a parameter of {target}");
    let request = app.request(Method::from_bytes(method.as_bytes()).unwrap(), &target);
    match (method, path) {
        ("PATCH", "/api/v1/me") => request.header("If-Match", "*").json(&json!({ "given_name": name })),
        ("DELETE", "/api/v1/roles/{name}" | "/api/v1/service-accounts/{id}") => request.header("If-Match", "*"),
        ("PATCH", "/api/v1/service-accounts/{id}") => {
            request.header("If-Match", "*").json(&json!({ "display_name": name }))
        }
        ("PUT", "/api/v1/roles/{name}") => {
            request.header("If-None-Match", "*").json(&json!({ "summary": "Helps.", "permissions": [] }))
        }
        ("PATCH" | "DELETE", "/api/v1/users/{id}") => request.header("If-Match", "*").json(&json!({})),
        ("POST", "/api/v1/users") => {
            request.json(&json!({ "identities": [{ "issuer": app.idp.url(), "subject": name }] }))
        }
        ("POST", "/api/v1/users/readmit" | "/api/v1/users/{id}/identities") => {
            request.json(&json!({ "issuer": app.idp.url(), "subject": format!("{name}-too") }))
        }
        ("POST", "/api/v1/service-accounts") => request.json(&json!({ "issuer": app.idp.url(), "client_id": name })),
        _ => request,
    }
}
