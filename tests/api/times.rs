//! Times in requests: which are accepted, and that the databases and the service agree on them.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

/// The accepted range, in microseconds since 1970.
const RANGE: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999_999;

/// Texts that other software accepts as times.
const OUT_OF_RANGE: [&str; 6] = [
    "+12000-01-01T00:00:00Z",
    "-0044-03-15T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-01:00",
    "+262142-12-31T23:59:59Z",
];

fn assert_refused(reply: &Reply, case: &str) {
    assert_eq!(reply.status(), 400, "{case}: {}", reply.text());
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("a time in the years 1970 to 9999"), "{case}: {detail}");
}

#[actix_web::test]
async fn time_out_of_range_is_refused_at_every_route() {
    let app = TestApp::spawn().await;
    let (bob, account) = (app.introduce("bob").await, app.register_machine("reporter", &[]).await);
    let new = json!({ "identities": [{ "issuer": app.idp.url(), "subject": "carol" }] });
    let requests = [
        (Method::POST, "/api/v1/users".to_owned(), new),
        (Method::PATCH, format!("/api/v1/users/{bob}"), json!({})),
        (Method::PUT, format!("/api/v1/users/{bob}/roles/auditor"), json!({})),
        (Method::PATCH, format!("/api/v1/service-accounts/{account}"), json!({})),
        (Method::PUT, format!("/api/v1/service-accounts/{account}/roles/auditor"), json!({})),
    ];
    for text in OUT_OF_RANGE {
        for (method, path, body) in &requests {
            let mut body = body.clone();
            body["expires_at"] = text.into();
            let request = app.request(method.clone(), path).bearer(&app.admin()).header("If-Match", "*").json(&body);
            assert_refused(&request.send().await, &format!("{method} {path} {text}"));
        }
        for filter in ["since", "until"] {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(filter, text).finish();
            let reply = app.get(&format!("/api/v1/audit-events?{query}"), &app.admin()).await;
            assert_refused(&reply, &format!("{filter}={text}"));
        }
    }
}

/// Times of every size, more of them near the ends of the range and near the present.
fn times(now: DateTime<Utc>) -> impl Strategy<Value = DateTime<Utc>> {
    let near = |time: i64| (-3_000_000..3_000_000_i64).prop_map(move |distance| time + distance);
    let microseconds = prop_oneof![
        any::<i64>(),
        RANGE,
        near(*RANGE.start()),
        near(*RANGE.end()),
        near(now.timestamp_micros()),
        now.timestamp_micros()..*RANGE.end(),
    ];
    microseconds.prop_filter_map("not a time", DateTime::from_timestamp_micros)
}

#[actix_web::test]
async fn accepted_end_of_a_grant_is_the_same_for_list_count_and_check() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    app.make_role("probe", &["users:read"]).await;
    let grant = format!("/api/v1/users/{bob}/roles/probe");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut accepted = 0;
    for _ in 0..96 {
        let end = times(app.clock.now()).new_tree(&mut runner).unwrap().current();
        let reply = app.put(&grant, &app.admin(), json!({ "expires_at": end.to_rfc3339() })).await;
        let is_accepted = RANGE.contains(&end.timestamp_micros()) && end > app.clock.now();
        assert_eq!(reply.status(), if is_accepted { 200 } else { 400 }, "{end}: {}", reply.text());
        accepted += usize::from(is_accepted);

        let listed = app.get("/api/v1/users?role=probe", &app.admin()).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), usize::from(is_accepted), "{end}: {listed}");
        let held = app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await.json();
        let names = |held: &Value| held["roles"].as_array().unwrap().iter().any(|role| role["name"] == "probe");
        assert_eq!(names(&held), is_accepted, "{end}: {held}");
        let allowed = app.get("/api/v1/users", &app.token("bob").sign()).await;
        assert_eq!(allowed.status(), if is_accepted { 200 } else { 403 }, "{end}");
        if is_accepted {
            let delete =
                app.request(Method::DELETE, "/api/v1/roles/probe").bearer(&app.admin()).header("If-Match", "*");
            assert_eq!(delete.send().await.problem(), "role-granted", "{end}");
            assert_eq!(app.delete(&grant, &app.admin()).await.status(), 200, "{end}");
        }
    }
    assert!((10..90).contains(&accepted), "{accepted} of 96 were accepted");
}
