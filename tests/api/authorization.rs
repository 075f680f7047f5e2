//! The status of every route for every kind of caller, as listed in `authorization.txt`.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::dev::{Algorithm, SigningKey};
use serde_json::json;

use crate::support::TestApp;
use crate::support::routes;

const EXPECTATIONS: &str = include_str!("authorization.txt");

/// A client that acts with all permissions of its user.
const FIRST_PARTY: &str = "own-app";

/// A row of the file: a route, and the status for each caller.
struct Row {
    route: (String, String),
    statuses: Vec<u16>,
}

/// The callers in the order of their columns, and the rows.
fn expectations() -> (Vec<&'static str>, Vec<Row>) {
    let mut lines = EXPECTATIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let callers: Vec<&str> = lines.next().unwrap().split_whitespace().skip(1).collect();
    let rows = lines.map(row).collect();
    (callers, rows)
}

fn row(line: &str) -> Row {
    let mut words = line.split_whitespace().map(str::to_owned);
    let route = (words.next().unwrap(), words.next().unwrap());
    Row { route, statuses: words.map(|word| word.parse().unwrap()).collect() }
}

/// The token of each caller; `None` for the caller without a credential.
async fn tokens(app: &TestApp) -> BTreeMap<&'static str, Option<String>> {
    for (user, role) in [("mona", "user-manager"), ("otto", "auditor")] {
        let path = format!("/api/v1/users/{}/roles/{role}", app.introduce(user).await);
        assert_eq!(app.put(&path, &app.admin(), json!({})).await.status(), 200);
    }
    app.register_machine("reporter", &["auditor"]).await;
    let disable = format!("/api/v1/users/{}/disable", app.introduce("eve").await);
    assert_eq!(app.post(&disable, &app.admin(), json!({})).await.status(), 200);
    let forger = SigningKey::generate(Algorithm::Es256);
    BTreeMap::from([
        ("none", None),
        ("forged", Some(app.token("alice").signed_by(&forger).sign())),
        ("member", Some(app.token("bob").sign())),
        ("user-manager", Some(app.token("mona").sign())),
        ("auditor", Some(app.token("otto").sign())),
        ("admin", Some(app.admin())),
        ("program", Some(app.machine_token("reporter").sign())),
        ("first-party", Some(app.token("alice").client(FIRST_PARTY).without("scope").sign())),
        ("narrow", Some(app.token("alice").scope("profile:read").sign())),
        ("disabled", Some(app.token("eve").sign())),
    ])
}

#[test]
fn table_has_one_row_for_every_route_and_one_status_for_every_caller() {
    let (callers, rows) = expectations();
    let mut listed: Vec<_> = rows.iter().map(|row| row.route.clone()).collect();
    let mut registered: Vec<_> = routes::registered().into_iter().map(|route| (route.method, route.path)).collect();
    listed.sort();
    registered.sort();
    assert_eq!(listed, registered, "left: authorization.txt, right: `portcullis routes`");
    for Row { route, statuses } in rows {
        assert_eq!(statuses.len(), callers.len(), "{route:?}");
    }
}

#[actix_web::test]
async fn every_route_answers_every_caller_as_reviewed() {
    let app = TestApp::setup().var("OIDC_FIRST_PARTY_CLIENTS", FIRST_PARTY).spawn().await;
    let (callers, rows) = expectations();
    let tokens = tokens(&app).await;
    assert_eq!(BTreeSet::from_iter(callers.iter()), tokens.keys().collect(), "left: authorization.txt");
    let mut differences = Vec::new();
    for Row { route: (method, path), statuses } in rows {
        for (caller, expected) in callers.iter().zip(statuses) {
            let request = routes::fresh_request(&app, &method, &path).await;
            let request = tokens[caller].iter().fold(request, |request, token| request.bearer(token));
            let reply = request.send().await;
            if reply.status() != expected {
                let status = reply.status();
                differences.push(format!("{method} {path} for {caller}: {status}, not {expected}: {}", reply.text()));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
