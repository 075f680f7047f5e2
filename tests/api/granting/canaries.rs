//! Audit events are visible only with `audit:read`: planted texts must appear in no other response.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::support::routes;
use crate::support::{ALL_SCOPES, TestApp};

/// A client's name that occurs only in audit events.
const CANARY: &str = "canary-client";

/// Creates events with every user as actor or target. Returns the users and the ids of all events.
async fn plant(app: &TestApp) -> (Vec<String>, BTreeSet<String>) {
    let marked = app.token("alice").client(CANARY).sign();
    let mut users = vec![app.introduce("alice").await];
    for name in ["bob", "carol"] {
        let id = app.introduce(name).await;
        let granted = app.put(&format!("/api/v1/users/{id}/roles/auditor"), &marked, json!({})).await;
        assert_eq!(granted.status(), 200);
        users.push(id);
    }
    let body = json!({ "issuer": app.idp.url(), "client_id": "robot", "roles": ["auditor"] });
    assert_eq!(app.post("/api/v1/service-accounts", &marked, body).await.status(), 201);
    let events = app.get("/api/v1/audit-events?limit=200", &app.admin()).await.json();
    let ids = events["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned());
    (users, ids.collect())
}

fn contains_event(text: &str, events: &BTreeSet<String>) -> bool {
    text.contains(CANARY) || events.iter().any(|id| text.contains(id.as_str()))
}

#[actix_web::test]
async fn no_response_contains_an_audit_event_without_audit_read() {
    let app = TestApp::spawn().await;
    let (users, events) = plant(&app).await;
    let without: Vec<_> = ALL_SCOPES.split(' ').filter(|scope| *scope != "audit:read").collect();
    let token = app.token("alice").scope(without.join(" ")).sign();
    let account = app.get("/api/v1/service-accounts", &token).await.json();
    let account = account["items"][0]["id"].as_str().unwrap().to_owned();
    let mut searched = 0;
    for route in routes::registered().into_iter().filter(|route| route.method == "GET") {
        let is_account = route.path.contains("/service-accounts/");
        let ids = if is_account { std::slice::from_ref(&account) } else { &users[..] };
        for id in ids {
            let path = route.path.replace("{id}", id).replace("{name}", "auditor").replace("{file:.*}", "");
            let reply = app.get(&path.replace("{path:.*}", ""), &token).await;
            assert!(!contains_event(reply.text(), &events), "{path}: {}", reply.text());
            searched += usize::from(reply.status() == 200);
        }
    }
    assert!(searched > 20, "{searched} responses were searched");
    assert_eq!(app.get("/api/v1/audit-events", &token).await.problem(), "insufficient-scope");
}

#[actix_web::test]
async fn export_contains_events_only_with_audit_read_and_lists_them_as_omitted_otherwise() {
    let app = TestApp::spawn().await;
    let (users, events) = plant(&app).await;
    let path = format!("/api/v1/users/{}/export", users[1]);
    let whole = app.get(&path, &app.admin()).await;
    assert!(contains_event(whole.text(), &events));
    assert_eq!(whole.json()["omitted"], json!([]));
    let actions: Vec<_> =
        whole.json()["audit_events"].as_array().unwrap().iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["user.create", "role.grant", "user.export"]);

    let token = app.token("alice").scope("users:read").sign();
    let partial = app.get(&path, &token).await.json();
    assert_eq!((&partial["omitted"], partial.get("audit_events")), (&json!(["audit_events"]), None));
    assert_eq!(partial["user"]["id"], json!(users[1]));
}

#[actix_web::test]
async fn export_of_a_long_history_contains_each_event_once() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    for _ in 0..260 {
        for step in ["disable", "enable"] {
            assert_eq!(app.post(&format!("/api/v1/users/{bob}/{step}"), &app.admin(), json!({})).await.status(), 200);
        }
    }
    let export = app.get(&format!("/api/v1/users/{bob}/export"), &app.admin()).await.json();
    let events = export["audit_events"].as_array().unwrap();
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((events.len(), ids.len()), (2 + 520, 2 + 520));
}

#[actix_web::test]
async fn event_names_the_acting_identity() {
    let app = TestApp::spawn().await;
    let alice = app.introduce("alice").await;
    let carol = app.introduce("carol").await;
    let granted = app.put(&format!("/api/v1/users/{carol}/roles/admin"), &app.admin(), json!({})).await;
    assert_eq!(granted.status(), 200);
    let linked = json!({ "issuer": app.idp.url(), "subject": "alice-too" });
    let path = format!("/api/v1/users/{alice}/identities");
    let linked = app.post(&path, &app.token("carol").sign(), linked).await;
    assert_eq!(linked.status(), 201, "{}", linked.text());
    app.pass(2);

    let bob = app.introduce("bob").await;
    for (subject, step) in [("alice", "disable"), ("alice-too", "enable")] {
        let request = app.request(Method::POST, &format!("/api/v1/users/{bob}/{step}"));
        assert_eq!(request.bearer(&app.token(subject).sign()).send().await.status(), 200);
    }
    let identities = app.get(&path, &app.admin()).await.json();
    let ids: Vec<_> = identities["items"].as_array().unwrap().iter().map(|identity| identity["id"].clone()).collect();
    let events = app.get(&format!("/api/v1/audit-events?target={bob}"), &app.admin()).await.json();
    let acted =
        |number: usize| (events["items"][number]["actor"].clone(), events["items"][number]["actor_identity"].clone());
    assert_eq!(acted(1), (json!(alice), ids[0].clone()), "disabled by the first");
    assert_eq!(acted(0), (json!(alice), ids[1].clone()), "enabled by the linked one");
}
