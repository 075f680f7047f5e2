//! The status of every administrative operation with a token of exactly the route's scope, as listed in `operations.txt`.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::routes::{self, RouteLine};
use crate::support::{ALL_SCOPES, Reply, Request, TestApp};

const OPERATIONS: &str = include_str!("operations.txt");

/// Scopes whose routes change permissions of other principals.
const ADMINISTRATIVE: [&str; 4] = ["users:write", "identities:write", "roles:write", "service-accounts:write"];

/// A role without permissions, which every caller may grant.
const NOTHING: &str = "nothing";

/// The kind of permissions that an operation affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    Plain,
    Reading,
    Administrative,
    Own,
}

impl Concern {
    /// The role with such permissions.
    fn role(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Own => None,
            Self::Reading => Some("auditor"),
            Self::Administrative => Some("user-manager"),
        }
    }
}

/// A row of the file, with the statuses of plain, reading, administrative, self, and self with all scopes.
struct Row {
    method: String,
    path: String,
    statuses: [Option<u16>; 5],
}

impl Row {
    fn read(line: &str) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        let statuses: Vec<_> = words[2..].iter().map(|word| word.parse().ok()).collect();
        Self { method: words[0].to_owned(), path: words[1].to_owned(), statuses: statuses.try_into().unwrap() }
    }
}

fn rows() -> Vec<Row> {
    let lines = OPERATIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.skip(1).map(Row::read).collect()
}

fn administrative_routes() -> Vec<RouteLine> {
    let is_administrative = |route: &RouteLine| route.permission().is_some_and(|scope| ADMINISTRATIVE.contains(&scope));
    routes::registered().into_iter().filter(is_administrative).collect()
}

#[test]
fn every_administrative_route_has_a_line() {
    let registered: BTreeSet<_> = administrative_routes().into_iter().map(|route| (route.method, route.path)).collect();
    let listed: BTreeSet<_> = rows().into_iter().map(|row| (row.method, row.path)).collect();
    assert_eq!(listed, registered);
}

#[actix_web::test]
async fn administrative_operation_affects_at_most_the_permissions_that_its_token_delegates() {
    let app = TestApp::spawn().await;
    app.make_role(NOTHING, &[]).await;
    app.introduce("alice").await;
    let routes = administrative_routes();
    for row in rows() {
        let route = routes.iter().find(|route| (&route.method, &route.path) == (&row.method, &row.path)).unwrap();
        let scope = route.permission().unwrap();
        let [plain, reading, administrative, own, own_with_all] = row.statuses;
        for (concern, expected) in [
            (Concern::Plain, plain),
            (Concern::Reading, reading),
            (Concern::Administrative, administrative),
            (Concern::Own, own),
        ] {
            let Some(expected) = expected else { continue };
            check(&app, &row, concern, scope, expected).await;
            let with_all = if concern == Concern::Own { own_with_all } else { plain };
            let reply = send(&app, &row, concern, ALL_SCOPES).await;
            assert_eq!(Some(reply.status()), with_all, "{} {} {concern:?}: {}", row.method, row.path, reply.text());
        }
    }
}

/// Sends the operation with exactly the route's scope. A refusal for missing scopes must name sufficient ones.
async fn check(app: &TestApp, row: &Row, concern: Concern, scope: &str, expected: u16) {
    let what = format!("{} {} {concern:?} with {scope}", row.method, row.path);
    let reply = send(app, row, concern, scope).await;
    assert_eq!(reply.status(), expected, "{what}: {}", reply.text());
    if expected != 403 {
        return;
    }
    match reply.problem().as_str() {
        "insufficient-scope" => {
            let missing = reply.challenge_parameter("scope").unwrap();
            assert!(!missing.split(' ').any(|missing| missing == scope), "{what}: {missing}");
            let reply = send(app, row, concern, &format!("{scope} {missing}")).await;
            assert_ne!(reply.status(), 403, "{what}, and {missing}: {}", reply.text());
        }
        "own-rights" | "own-identity" => assert_eq!(concern, Concern::Own, "{what}"),
        other => panic!("{what}: {other}"),
    }
}

async fn send(app: &TestApp, row: &Row, concern: Concern, scope: &str) -> Reply {
    let request = prepared(app, row, concern).await;
    // A revocation covers tokens of this second and earlier.
    app.pass(2);
    request.bearer(&app.token("alice").scope(scope).sign()).send().await
}

/// The request, with a new target.
async fn prepared(app: &TestApp, row: &Row, concern: Concern) -> Request {
    // Tokens issued until this second may be revoked.
    app.pass(2);
    let name = unused_name();
    let mut path = row.path.clone();
    if path.contains("{id}") {
        path = path.replace("{id}", &target(app, row, concern, &name).await);
    }
    if path.contains("{identity_id}") {
        let list = path.replace("/{identity_id}", "");
        let identities = app.get(&list, &admin(app)).await.json();
        let identity = identities["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        path = path.replace("{identity_id}", &identity);
    }
    let path = path.replace("{role}", concern.role().unwrap_or(NOTHING)).replace("{name}", &name);
    if (row.method.as_str(), row.path.as_str()) == ("DELETE", "/api/v1/roles/{name}") {
        app.pass(2);
        app.make_role(&name, permissions(concern)).await;
    }
    let request = app.request(Method::from_bytes(row.method.as_bytes()).unwrap(), &path);
    let request = match row.method.as_str() {
        "PATCH" | "DELETE" if !row.path.contains("/roles/{role}") => request.header("If-Match", "*"),
        "PUT" if row.path.ends_with("{name}") => request.header("If-None-Match", "*"),
        _ => request,
    };
    match body(app, row, concern, &name) {
        Some(body) => request.json(&body),
        None => request,
    }
}

/// The id of a user or service account with the permissions of `concern`, deleted if the operation restores it.
async fn target(app: &TestApp, row: &Row, concern: Concern, name: &str) -> String {
    let is_account = row.path.contains("/service-accounts/");
    if concern == Concern::Own {
        return app.introduce("alice").await;
    }
    let id = if is_account { app.register_machine(name, &[]).await } else { app.introduce(name).await };
    let collection = if is_account { "service-accounts" } else { "users" };
    let path = format!("/api/v1/{collection}/{id}");
    let gives_role = row.method == "PUT" && row.path.ends_with("{role}");
    if let Some(role) = concern.role().filter(|_| !gives_role) {
        let granted = app.put(&format!("{path}/roles/{role}"), &admin(app), json!({})).await;
        assert_eq!(granted.status(), 200, "{}", granted.text());
    }
    if row.path.ends_with("{identity_id}") {
        let identity = json!({ "issuer": app.idp.url(), "subject": format!("{name}-too") });
        let linked = app.post(&format!("{path}/identities"), &admin(app), identity).await;
        assert_eq!(linked.status(), 201, "{}", linked.text());
    }
    if row.path.ends_with("/restore") {
        let deleted = app.request(Method::DELETE, &path).bearer(&admin(app)).header("If-Match", "*").send().await;
        assert_eq!(deleted.status(), 204, "{}", deleted.text());
    }
    id
}

fn body(app: &TestApp, row: &Row, concern: Concern, name: &str) -> Option<Value> {
    let identity = |subject: &str| json!({ "issuer": app.idp.url(), "subject": subject });
    let roles: Option<Vec<_>> = concern.role().map(|role| vec![role]);
    Some(match (row.method.as_str(), row.path.as_str()) {
        ("POST", "/api/v1/users") => match roles {
            Some(roles) => json!({ "identities": [identity(name)], "roles": roles }),
            None => json!({ "identities": [identity(name)] }),
        },
        ("POST", "/api/v1/users/readmit" | "/api/v1/users/{id}/identities") => identity(&format!("{name}-too")),
        ("POST", "/api/v1/service-accounts") => {
            json!({ "issuer": app.idp.url(), "client_id": name, "roles": roles.unwrap_or_default() })
        }
        ("PUT", "/api/v1/roles/{name}") => json!({ "summary": "Helps.", "permissions": permissions(concern) }),
        ("PATCH", _) => json!({ "display_name": name }),
        _ => return None,
    })
}

fn permissions(concern: Concern) -> &'static [&'static str] {
    match concern {
        Concern::Plain | Concern::Own => &[],
        Concern::Reading => &["audit:read"],
        Concern::Administrative => &["users:write"],
    }
}

fn admin(app: &TestApp) -> String {
    app.pass(2);
    app.admin()
}

fn unused_name() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("concerned-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
