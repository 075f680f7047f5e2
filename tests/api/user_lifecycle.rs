//! Users over HTTP: creation, versioned edit and deletion, restoration and export.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

const USERS: &str = "/api/v1/users";

fn ann(app: &TestApp) -> Value {
    json!({
        "identities": [{ "issuer": app.idp.url(), "subject": "ann" }],
        "display_name": "Ann",
        "email": "ann@example.test",
        "roles": ["auditor"],
    })
}

async fn create(app: &TestApp, key: &str, body: &Value) -> Reply {
    app.request(Method::POST, USERS).bearer(&app.admin()).header("Idempotency-Key", key).json(body).send().await
}

#[actix_web::test]
async fn created_user_is_at_the_returned_location_and_has_the_given_roles() {
    let app = TestApp::spawn().await;
    let added = app.post(USERS, &app.admin(), ann(&app)).await;
    assert_eq!(added.status(), 201, "{}", added.text());
    let shown = app.get(added.header("location").unwrap(), &app.admin()).await;
    assert_eq!((shown.json(), shown.header("etag")), (added.json(), added.header("etag")));
    assert_eq!(app.introduce("ann").await, added.json()["id"].as_str().unwrap());
    assert_eq!(app.get(USERS, &app.token("ann").sign()).await.status(), 200);
}

#[actix_web::test]
async fn repeated_request_returns_the_first_response() {
    let app = TestApp::spawn().await;
    app.introduce("alice").await;
    let first = create(&app, "\"key-1\"", &ann(&app)).await;
    assert_eq!(first.status(), 201, "{}", first.text());
    let again = create(&app, "key-1", &ann(&app)).await;
    assert_eq!((again.status(), again.text()), (201, first.text()));
    for field in ["location", "etag", "content-type"] {
        assert_eq!(again.header(field), first.header(field), "{field}");
    }
    let mut other = ann(&app);
    other["display_name"] = json!("Bea");
    assert_eq!(create(&app, "key-1", &other).await.problem(), "idempotency-key-reused");
    let conflict = create(&app, "key-2", &ann(&app)).await;
    assert_eq!((conflict.status(), conflict.problem().as_str()), (409, "conflict"));
    assert!(conflict.text().contains("`subject` is already in use"), "{}", conflict.text());
    for wrong in ["", "a key", &"x".repeat(256)] {
        assert_eq!(create(&app, wrong, &ann(&app)).await.problem(), "invalid-parameter", "{wrong}");
    }
}

#[actix_web::test]
async fn edit_and_deletion_require_the_current_version() {
    let app = TestApp::spawn().await;
    let path = format!("{USERS}/{}", app.introduce("bob").await);
    let change = |method: Method| app.request(method, &path).bearer(&app.admin()).json(&json!({ "locale": "de-AT" }));
    for method in [Method::PATCH, Method::DELETE] {
        assert_eq!(change(method.clone()).send().await.problem(), "precondition-required");
        assert_eq!(change(method).header("If-Match", "\"9\"").send().await.problem(), "stale-version");
    }
    let etag = app.get(&path, &app.admin()).await.header("etag").unwrap().to_owned();
    let edited = change(Method::PATCH).header("If-Match", &etag).send().await;
    assert_eq!((edited.status(), &edited.json()["locale"]), (200, &json!("de-AT")));
    assert_eq!(change(Method::DELETE).header("If-Match", &etag).send().await.problem(), "stale-version");
    let etag = edited.header("etag").unwrap();
    assert_eq!(change(Method::DELETE).header("If-Match", etag).send().await.status(), 204);
    assert_eq!(app.get(&path, &app.admin()).await.status(), 404);
}

#[actix_web::test]
async fn deleted_users_are_listed_by_status_and_can_be_restored() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let path = format!("{USERS}/{bob}");
    let deleted = app.request(Method::DELETE, &path).bearer(&app.admin()).header("If-Match", "*").send().await;
    assert_eq!(deleted.status(), 204, "{}", deleted.text());
    assert_eq!(app.get("/api/v1/me", &app.token("bob").sign()).await.problem(), "principal-deleted");
    let listed = app.get("/api/v1/users?status=deleted", &app.admin()).await;
    assert_eq!(listed.json()["items"][0]["id"], json!(bob));
    let restored = app.post(&format!("{path}/restore"), &app.admin(), json!({})).await;
    assert_eq!((restored.status(), &restored.json()["status"]), (200, &json!("active")));
    app.pass(1);
    assert_eq!(app.introduce("bob").await, bob);
}

#[actix_web::test]
async fn last_admin_cannot_be_deleted_or_given_an_expiry() {
    let app = TestApp::spawn().await;
    let path = format!("{USERS}/{}", app.introduce("alice").await);
    let end = json!({ "expires_at": (app.clock.now() + chrono::TimeDelta::days(1)).to_rfc3339() });
    for (method, body) in [(Method::DELETE, json!({})), (Method::PATCH, end)] {
        let refused = app.request(method, &path).bearer(&app.admin()).header("If-Match", "*").json(&body).send().await;
        assert_eq!((refused.status(), refused.problem().as_str()), (409, "last-admin"));
    }
}

#[actix_web::test]
async fn edit_deletion_or_link_of_a_user_with_more_permissions_is_refused() {
    let app = TestApp::spawn().await;
    let path = format!("{USERS}/{}", app.introduce("alice").await);
    let bob = app.introduce("bob").await;
    assert_eq!(app.put(&format!("{USERS}/{bob}/roles/user-manager"), &app.admin(), json!({})).await.status(), 200);
    let identity = json!({ "issuer": app.idp.url(), "subject": "mine" });
    let admin_to_be = json!({ "identities": [identity], "roles": ["admin"] });
    for (method, path, body) in [
        (Method::PATCH, path.clone(), json!({ "display_name": "x" })),
        (Method::DELETE, path.clone(), json!({})),
        (Method::POST, USERS.to_owned(), admin_to_be),
    ] {
        let request = app.request(method, &path).bearer(&app.token("bob").sign()).header("If-Match", "*");
        let refused = request.json(&body).send().await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "above-your-rights"), "{path}");
    }
    app.make_role("linker", &["identities:write"]).await;
    assert_eq!(app.put(&format!("{USERS}/{bob}/roles/linker"), &app.admin(), json!({})).await.status(), 200);
    let bob_token = app.token("bob").sign();
    let linked = app.post(&format!("{path}/identities"), &bob_token, identity.clone()).await;
    assert_eq!((linked.status(), linked.problem().as_str()), (403, "above-your-rights"));
    let own = app.post(&format!("{USERS}/{bob}/identities"), &bob_token, identity).await;
    assert_eq!((own.status(), own.problem().as_str()), (403, "own-identity"));
}

#[actix_web::test]
async fn identity_is_added_once_and_the_last_one_cannot_be_removed() {
    let app = TestApp::spawn().await;
    let path = format!("{USERS}/{}/identities", app.introduce("bob").await);
    let identity = json!({ "issuer": app.idp.url(), "subject": "bob-too" });
    let added = app.post(&path, &app.admin(), identity.clone()).await;
    assert_eq!((added.status(), &added.json()["subject"]), (201, &json!("bob-too")));
    assert_eq!(app.post(&path, &app.admin(), identity).await.status(), 200);
    let items = app.get(&path, &app.admin()).await.json()["items"].clone();
    let of = |number: usize| format!("{path}/{}", items[number]["id"].as_str().unwrap());
    assert_eq!(added.header("location"), Some(of(1).as_str()));
    assert_eq!(app.delete(&of(0), &app.admin()).await.status(), 204);
    assert_eq!(app.delete(&of(0), &app.admin()).await.status(), 404);
    assert_eq!(app.delete(&of(1), &app.admin()).await.problem(), "last-identity");
}

#[actix_web::test]
async fn access_reports_the_granting_roles_and_the_required_scope() {
    let app = TestApp::setup().var("OIDC_SCOPE_PREFIX", "api/").spawn().await;
    let admin = app
        .idp
        .token()
        .subject("alice")
        .scope("api/users:read api/users:write api/roles:assign api/profile:read")
        .sign();
    let bob = app.get("/api/v1/me", &app.idp.token().subject("bob").scope("api/profile:read").sign()).await;
    let path = format!("{USERS}/{}", bob.json()["id"].as_str().unwrap());
    assert_eq!(app.put(&format!("{path}/roles/auditor"), &admin, json!({})).await.status(), 200);
    let access = app.get(&format!("{path}/access"), &admin).await.json().clone();
    let permission = |name: &str| {
        let permissions = access["permissions"].as_array().unwrap();
        permissions.iter().find(|permission| permission["name"] == name).unwrap().clone()
    };
    assert_eq!(access["admitted"], "yes");
    let read = permission("users:read");
    assert_eq!((&read["granted"], &read["needs_scope"]), (&json!(true), &json!(["api/users:read"])));
    let expected = json!([{ "name": "auditor", "source": "manual", "expires_at": null }]);
    assert_eq!(read["granted_by"], expected);
    assert_eq!(permission("users:write")["granted"], false);
    let roles = app.get(&format!("{path}/roles"), &admin).await.json().clone();
    assert_eq!(roles["items"][0]["role"], "auditor");
    assert!(roles["items"][0]["granted_by"].is_string(), "{roles}");
    assert_eq!(roles["items"][1]["granted_by"], Value::Null, "the service grants `member`: {roles}");
}

#[actix_web::test]
async fn export_is_a_file_of_the_whole_record() {
    let app = TestApp::spawn().await;
    let added = app.post(USERS, &app.admin(), ann(&app)).await;
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let export = app.get(&format!("{USERS}/{id}/export"), &app.admin()).await;
    assert_eq!(export.header("content-disposition"), Some(format!("attachment; filename=\"user-{id}.json\"").as_str()));
    let held = export.json();
    assert_eq!(held["user"]["email"], "ann@example.test");
    assert_eq!(held["identities"][0]["subject"], "ann");
    assert_eq!(held["grants"][0]["role"], "auditor");
    assert_eq!(held["audit_events"][0]["action"], "user.create");
    assert_eq!(held["edited"], json!(["display_name"]));
}

#[actix_web::test]
async fn filters_apply_to_every_page_and_a_cursor_is_valid_only_for_its_list() {
    let app = TestApp::spawn().await;
    for number in 0..3 {
        let id = app.introduce(&format!("listed-{number}")).await;
        assert_eq!(app.post(&format!("{USERS}/{id}/disable"), &app.admin(), json!({})).await.status(), 200);
        app.introduce(&format!("other-{number}")).await;
    }
    let first = app.get("/api/v1/users?status=disabled&sort=display_name&limit=2", &app.admin()).await;
    assert_eq!(first.json()["items"].as_array().unwrap().len(), 2, "{}", first.text());
    let link = first.header("link").unwrap().strip_suffix(">; rel=\"next\"").unwrap()[1..].to_owned();
    let last = app.get(link.strip_prefix(app.url()).unwrap(), &app.admin()).await;
    assert_eq!(last.json()["items"].as_array().unwrap().len(), 1, "{}", last.text());
    assert_eq!((last.header("link"), &last.json()["next_cursor"]), (None, &Value::Null));
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    for other in ["", "&status=disabled", "&status=active&sort=display_name", "&q=p"] {
        let refused = app.get(&format!("/api/v1/users?cursor={cursor}{other}"), &app.admin()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "invalid-parameter"), "{other}");
    }
    for contradictory in ["q=p&sort=id", "status=gone", "sort=email", "q=", "role=%00"] {
        let refused = app.get(&format!("/api/v1/users?{contradictory}"), &app.admin()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "invalid-parameter"), "{contradictory}");
    }
}
