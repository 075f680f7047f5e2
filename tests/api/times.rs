//! Times from outside: which are taken, and that the databases and the service agree on those.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

/// Where it begins and ends, in microseconds since 1970.
const RANGE: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999_999;

/// Texts that other software takes for times.
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
async fn time_out_of_range_is_refused_at_every_door() {
    let app = TestApp::spawn().await;
    let (bob, machine) = (app.introduce("bob").await, app.register_machine("reporter", &[]).await);
    let new = json!({ "identities": [{ "issuer": app.idp.url(), "subject": "carol" }] });
    let doors = [
        (Method::POST, "/api/v1/users".to_owned(), new),
        (Method::PATCH, format!("/api/v1/users/{bob}"), json!({})),
        (Method::PUT, format!("/api/v1/users/{bob}/roles/auditor"), json!({})),
        (Method::PATCH, format!("/api/v1/service-accounts/{machine}"), json!({})),
        (Method::PUT, format!("/api/v1/service-accounts/{machine}/roles/auditor"), json!({})),
    ];
    for text in OUT_OF_RANGE {
        for (method, path, body) in &doors {
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

/// Times of every size, more of them around the ends of the range and of the present.
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
    microseconds.prop_filter_map("no time at all", DateTime::from_timestamp_micros)
}

#[actix_web::test]
async fn end_of_a_grant_that_is_taken_is_the_same_to_list_count_and_check() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    app.make_role("probe", &["users:read"]).await;
    let grant = format!("/api/v1/users/{bob}/roles/probe");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut taken = 0;
    for _ in 0..96 {
        let end = times(app.clock.now()).new_tree(&mut runner).unwrap().current();
        let reply = app.put(&grant, &app.admin(), json!({ "expires_at": end.to_rfc3339() })).await;
        let is_taken = RANGE.contains(&end.timestamp_micros()) && end > app.clock.now();
        assert_eq!(reply.status(), if is_taken { 200 } else { 400 }, "{end}: {}", reply.text());
        taken += usize::from(is_taken);

        let listed = app.get("/api/v1/users?role=probe", &app.admin()).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), usize::from(is_taken), "{end}: {listed}");
        let held = app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await.json();
        let names = |held: &Value| held["roles"].as_array().unwrap().iter().any(|role| role["name"] == "probe");
        assert_eq!(names(&held), is_taken, "{end}: {held}");
        let allowed = app.get("/api/v1/users", &app.token("bob").sign()).await;
        assert_eq!(allowed.status(), if is_taken { 200 } else { 403 }, "{end}");
        if is_taken {
            let delete =
                app.request(Method::DELETE, "/api/v1/roles/probe").bearer(&app.admin()).header("If-Match", "*");
            assert_eq!(delete.send().await.problem(), "role-granted", "{end}");
            assert_eq!(app.delete(&grant, &app.admin()).await.status(), 200, "{end}");
        }
    }
    assert!((10..90).contains(&taken), "{taken} of 96 were taken");
}
