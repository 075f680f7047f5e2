//! The audit trail.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::program::Program;

const EVENTS: &str = "/api/v1/audit-events";

async fn items(app: &TestApp, query: &str) -> Vec<Value> {
    let listed = app.get(&format!("{EVENTS}?{query}"), &app.admin()).await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    listed.json()["items"].as_array().unwrap().clone()
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["action"].as_str().unwrap()).collect()
}

/// Two users. Alice disables and enables bob; one minute passes between all steps.
async fn history(app: &TestApp) -> (String, String) {
    let alice = app.introduce("alice").await;
    app.pass(60);
    let bob = app.introduce("bob").await;
    for step in ["disable", "enable"] {
        app.pass(60);
        let path = format!("/api/v1/users/{bob}/{step}");
        assert_eq!(app.request(Method::POST, &path).bearer(&app.admin()).send().await.status(), 200);
    }
    (alice, bob)
}

#[actix_web::test]
async fn an_event_records_actor_target_action_client_and_request() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let path = format!("/api/v1/users/{bob}/disable");
    let request = app.request(Method::POST, &path).bearer(&app.token("alice").client("spa").sign());
    let disabled = request.json(&json!({ "reason": "marked" })).send().await;
    let events = items(&app, &format!("target={bob}")).await;
    let event = &events[0];
    assert_eq!(event["actor"], json!(alice));
    assert_eq!(event["client"], "spa");
    assert_eq!((&event["action"], &event["outcome"]), (&json!("user.disable"), &json!("done")));
    assert_eq!(event["request_id"].as_str(), disabled.header("x-request-id"));
    assert_eq!(event["changes"], json!({ "from": "active", "to": "disabled" }));
    assert_eq!(event["count"], 1);
}

#[actix_web::test]
async fn filters_select_matching_events() {
    let app = TestApp::spawn().await;
    let (alice, bob) = history(&app).await;
    assert_eq!(actions(&items(&app, &format!("target={bob}")).await), ["user.enable", "user.disable", "user.create"]);
    assert_eq!(actions(&items(&app, &format!("actor={alice}")).await), ["user.enable", "user.disable"]);
    assert_eq!(actions(&items(&app, "action=user.create").await), ["user.create", "user.create"]);
    let created = items(&app, "action=user.create").await[0]["at"].as_str().unwrap().to_owned();
    let since = items(&app, &format!("since={created}")).await;
    assert_eq!(actions(&since), ["user.enable", "user.disable", "user.create"]);
    assert_eq!(actions(&items(&app, &format!("since={created}&until={created}")).await), [""; 0]);
    for wrong in ["action=nothing", "actor=bob", "since=yesterday", "cursor=x", "limit=0", "order=up"] {
        assert_eq!(app.get(&format!("{EVENTS}?{wrong}"), &app.admin()).await.problem(), "invalid-parameter", "{wrong}");
    }
}

#[actix_web::test]
async fn pages_follow_each_other_while_events_are_added() {
    let app = TestApp::spawn().await;
    let (_, bob) = history(&app).await;
    let all = actions_of(&items(&app, &format!("target={bob}")).await);
    let mut url = format!("{EVENTS}?limit=1&target={bob}");
    let mut seen = Vec::new();
    loop {
        let page = app.get(&url, &app.admin()).await;
        seen.extend(actions_of(page.json()["items"].as_array().unwrap()));
        let Some(link) = page.header("link") else { break };
        url = link.trim_start_matches(&format!("<{}", app.url())).split('>').next().unwrap().to_owned();
        assert_eq!(
            app.request(Method::POST, &format!("/api/v1/users/{bob}/revoke"))
                .bearer(&app.admin())
                .send()
                .await
                .status(),
            200
        );
        app.pass(1);
    }
    assert_eq!(seen, all);
}

fn actions_of(events: &[Value]) -> Vec<String> {
    actions(events).into_iter().map(str::to_owned).collect()
}

#[actix_web::test]
async fn repeated_refusals_within_a_minute_are_one_event_with_a_count() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    assert_eq!(
        app.put(&format!("/api/v1/users/{bob}/roles/user-manager"), &app.admin(), json!({})).await.status(),
        200
    );
    let disable = async || {
        let path = format!("/api/v1/users/{alice}/disable");
        app.request(Method::POST, &path).bearer(&app.token("bob").sign()).send().await
    };
    for _ in 0..3 {
        assert_eq!(disable().await.problem(), "above-your-rights");
    }
    let revoke = app.request(Method::POST, &format!("/api/v1/users/{alice}/revoke")).bearer(&app.token("bob").sign());
    assert_eq!(revoke.send().await.problem(), "above-your-rights");
    app.pass(61);
    assert_eq!(disable().await.problem(), "above-your-rights");
    let refused: Vec<_> = items(&app, &format!("actor={bob}")).await;
    let counts: Vec<_> =
        refused.iter().map(|event| (event["action"].as_str().unwrap(), event["count"].as_i64().unwrap())).collect();
    assert_eq!(counts, [("user.disable", 1), ("user.revoke-tokens", 1), ("user.disable", 3)]);
    assert!(refused.iter().all(|event| event["outcome"] == "refused"));
}

#[actix_web::test]
async fn pruning_keeps_younger_events_and_records_itself() {
    let app = TestApp::spawn().await;
    let alice = app.introduce("alice").await;
    let refused = Program::on_database_of(&app).run(&["audit", "prune", "--before", "2031-01-01"]);
    // The service's clock is in 2030, the command's in the present.
    assert!(refused.stderr().contains("`before` must be in the past"), "{}", refused.stderr());

    app.database().execute(
        "INSERT INTO audit_events (id, at, action, target, outcome, changes) VALUES
            ('01890000-0000-7000-8000-000000000001', '2020-01-01 00:00:00', 'user.create', 'a', 'done', '{}'),
            ('01890000-0000-7000-8000-000000000002', '2020-01-02 00:00:00', 'user.create', 'b', 'done', '{}')",
    );
    assert_eq!(
        Program::on_database_of(&app).run(&["audit", "prune", "--before", "2020-01-02"]).printed(),
        "removed 1 event\n"
    );
    assert!(items(&app, "target=a").await.is_empty());
    assert_eq!(items(&app, "target=b").await.len(), 1);
    assert!(!items(&app, &format!("target={alice}")).await.is_empty());
    let own = items(&app, "action=audit.prune").await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["changes"], json!({ "before": "2020-01-02T00:00:00+00:00", "count": 1 }));
    assert_eq!((&own[0]["actor"], &own[0]["target"]), (&Value::Null, &json!("audit-events")));
}

#[actix_web::test]
async fn export_writes_events_oldest_first_as_one_object_per_line() {
    let app = TestApp::spawn().await;
    let (_, bob) = history(&app).await;
    let written = Program::on_database_of(&app).run(&["audit", "export", "--since", "2030-01-01", "--format", "jsonl"]);
    let events: Vec<Value> = written.printed().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut listed = items(&app, "since=2030-01-01T00:00:00Z").await;
    listed.reverse();
    assert_eq!(events, listed);
    assert_eq!(events.last().unwrap()["target"], json!(bob));
    // The command line uses the machine's clock. An export is an event itself, recorded before the events that it writes.
    let earlier = Program::on_database_of(&app).run(&["audit", "export", "--until", "2030-01-01"]);
    let earlier: Vec<Value> = earlier.printed().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(actions(&earlier), ["audit.export", "audit.export"]);
    assert_eq!(earlier[0]["changes"], json!({ "since": "2030-01-01T00:00:00+00:00", "until": null }));
}
