//! A request may do at most what its token's scopes and its principal's roles allow together.

use std::collections::BTreeSet;

use portcullis::actix_web::rt::System;
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::json;

use crate::support::{ALL_SCOPES, TestApp};

/// Roles and their permissions, written down independently of the service.
const ROLES: [(&str, &str); 3] = [
    ("auditor", "audit:read profile:read roles:read service-accounts:read users:read"),
    ("user-manager", "roles:assign roles:read service-accounts:read service-accounts:write users:read users:write"),
    ("member", "profile:read profile:write"),
];

#[test]
fn request_may_do_exactly_what_both_scopes_and_roles_allow() {
    let system = System::new();
    let app = system.block_on(TestApp::spawn());
    let bob = system.block_on(app.introduce("bob"));
    let scopes: Vec<&str> = ALL_SCOPES.split_whitespace().collect();
    let cases = (subsequence(scopes.clone(), 0..=scopes.len()), subsequence(ROLES.to_vec(), 0..=ROLES.len()));
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&cases, |(scopes, roles)| {
        system.block_on(check(&app, &bob, &scopes, &roles));
        Ok(())
    });
    outcome.unwrap();
}

async fn check(app: &TestApp, bob: &str, scopes: &[&str], roles: &[(&str, &str)]) {
    for (role, _) in ROLES {
        let method = if roles.iter().any(|(held, _)| *held == role) { Method::PUT } else { Method::DELETE };
        let path = format!("/api/v1/users/{bob}/roles/{role}");
        assert_eq!(app.request(method, &path).bearer(&app.admin()).send().await.status(), 200);
    }
    let granted: BTreeSet<&str> = roles.iter().flat_map(|(_, permissions)| permissions.split(' ')).collect();
    let expected: BTreeSet<&str> = scopes.iter().copied().filter(|scope| granted.contains(scope)).collect();

    let token = app.token("bob").scope(scopes.join(" ")).sign();
    let access = app.get("/api/v1/me/access", &token).await.json().clone();
    let permissions = access["permissions"].as_array().unwrap();
    let allowed: BTreeSet<&str> = permissions
        .iter()
        .filter(|permission| permission["allowed"] == json!(true))
        .map(|permission| permission["name"].as_str().unwrap())
        .collect();
    assert_eq!(allowed, expected, "scopes {scopes:?}, roles {roles:?}");
    for (path, permission) in [
        ("/api/v1/users", "users:read"),
        ("/api/v1/service-accounts", "service-accounts:read"),
        ("/api/v1/me", "profile:read"),
    ] {
        let status = app.get(path, &token).await.status();
        assert_eq!(status == 200, expected.contains(permission), "{path}: {status}");
    }
}
