//! Several issuers, each with its own policy; reloaded while the service runs; renamed when their URL changes.

use chrono::SecondsFormat;
use portcullis::dev::{Algorithm, Issuer, IssuerOptions};
use serde_json::{Value, json};

use crate::support::issuers_file::{IssuersFile, another_issuer, block};
use crate::support::program::Program;
use crate::support::{ALL_SCOPES, AUDIENCE, TestApp, start_time};

/// A service that trusts its own issuer by variables, and the issuers of the file.
async fn serve(file: &IssuersFile) -> TestApp {
    TestApp::setup().var("OIDC_ISSUERS_FILE", file.path().to_str().unwrap()).spawn().await
}

/// A token of `subject`, signed with a key that no other issuer of this process has.
fn token(issuer: &Issuer, subject: &str) -> String {
    issuer.token().subject(subject).scope(ALL_SCOPES).algorithm(Algorithm::Es256).sign()
}

#[actix_web::test]
async fn users_of_two_issuers_are_served_and_never_confused() {
    let second = another_issuer().await;
    let app = serve(&IssuersFile::new(&block(&second, "second", ""))).await;
    let ours = app.introduce("bob").await;
    let theirs = app.get("/api/v1/me", &token(&second, "bob")).await;
    assert_eq!(theirs.status(), 200, "{}", theirs.text());
    assert_ne!(theirs.json()["id"], json!(ours));
    let forged =
        second.token().issuer(app.idp.url()).subject("bob").scope(ALL_SCOPES).algorithm(Algorithm::Es256).sign();
    assert_eq!(app.get("/api/v1/me", &forged).await.status(), 401);
}

#[actix_web::test]
async fn metadata_and_readiness_list_each_issuer() {
    let second = another_issuer().await;
    let app = serve(&IssuersFile::new(&block(&second, "second", "scope_prefix = 'api/'"))).await;
    let metadata = app.get_without_token("/.well-known/oauth-protected-resource").await.json();
    assert_eq!(metadata["authorization_servers"], json!([app.idp.url(), second.url()]));
    let scopes = metadata["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("users:read")) && scopes.contains(&json!("api/users:read")));

    // Answered once the issuer's keys are fetched.
    app.get("/api/v1/me", &token(&second, "bob")).await;
    let ready = app.get_without_token("/health/ready").await.json();
    let names: Vec<&Value> = ready["checks"].as_array().unwrap().iter().map(|check| &check["issuer"]).collect();
    let no_issuer = &Value::Null;
    assert_eq!(names, [no_issuer, &json!("127.0.0.1"), &json!("second"), no_issuer, no_issuer]);
    assert_eq!(ready["checks"][2]["fetched_at"], json!(start_time().to_rfc3339_opts(SecondsFormat::Secs, true)));
}

#[actix_web::test]
async fn policy_of_an_issuer_applies_to_its_tokens_only() {
    let second = another_issuer().await;
    let lines = "jit = 'off'\nscope_prefix = 'api/'\nfirst_party_clients = ['own']";
    let app = serve(&IssuersFile::new(&block(&second, "second", lines))).await;
    let unknown = app.get("/api/v1/me/access", &token(&second, "bob")).await;
    assert_eq!((unknown.status(), unknown.problem().as_str()), (403, "unknown-principal"));
    app.introduce("bob").await;

    let body = json!({ "issuer": second.url(), "client_id": "reporter", "roles": ["auditor"] });
    assert_eq!(app.post("/api/v1/service-accounts", &app.admin(), body).await.status(), 201);
    let machine = |scope: &str| second.token().machine("reporter").scope(scope).algorithm(Algorithm::Es256).sign();
    assert_eq!(app.get("/api/v1/users", &machine("api/users:read")).await.status(), 200);
    let refused = app.get("/api/v1/users", &machine("users:read")).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.header("www-authenticate").unwrap().contains("scope=\"api/users:read\""));
    let refused = app.get("/api/v1/users", &app.token("bob").scope("profile:read").sign()).await;
    assert!(refused.header("www-authenticate").unwrap().contains("scope=\"users:read\""));
}

#[actix_web::test]
async fn issuer_with_another_discovery_url_is_served() {
    let second = another_issuer().await;
    let inside = second.url().replace("127.0.0.1", "localhost");
    let lines = format!("discovery_url = '{inside}/.well-known/openid-configuration'");
    let app = serve(&IssuersFile::new(&block(&second, "second", &lines))).await;
    assert_eq!(app.get("/api/v1/me", &token(&second, "bob")).await.status(), 200);
    let by_address = second.token().issuer(&inside).subject("bob").scope(ALL_SCOPES).algorithm(Algorithm::Es256).sign();
    assert_eq!(app.get("/api/v1/me", &by_address).await.status(), 401);
}

#[actix_web::test]
async fn tenants_share_keys_and_other_tenants_are_refused() {
    let second = another_issuer().await;
    let template = format!("{}/{{tenantid}}", second.url());
    let app = serve(&IssuersFile::new(&format!(
        "[[issuer]]\nissuer = '{template}'\nname = 'tenants'\naudiences = ['{AUDIENCE}']\ntenants = ['one', 'two']\n\
         jit = 'active'\nstatic_keys = '{}'\n",
        second.key_set()
    )))
    .await;
    let get_me_of = async |tenant: &str| {
        let token = second.token().issuer(&format!("{}/{tenant}", second.url())).subject("bob").scope(ALL_SCOPES);
        app.get("/api/v1/me", &token.algorithm(Algorithm::Es256).sign()).await
    };
    let (one, two) = (get_me_of("one").await, get_me_of("two").await);
    assert_eq!((one.status(), two.status()), (200, 200), "{}", one.text());
    assert_ne!(one.json()["id"], two.json()["id"]);
    for stranger in ["three", "One", "{tenantid}", "one/"] {
        assert_eq!(get_me_of(stranger).await.status(), 401, "{stranger}");
    }
    let metadata = app.get_without_token("/.well-known/oauth-protected-resource").await.json();
    let servers = [app.idp.url().to_owned(), format!("{}/one", second.url()), format!("{}/two", second.url())];
    assert_eq!(metadata["authorization_servers"], json!(servers));
}

#[actix_web::test]
async fn role_rules_grant_roles_and_unmet_requirements_refuse_without_a_challenge() {
    let second = another_issuer().await;
    let lines = "allow_admin_role = true\n\
         [[issuer.role_rules]]\nrole = 'auditor'\nwhen = \"'audit' in claims.groups\"\n\
         [[issuer.role_rules]]\nrole = 'admin'\nwhen = \"'ops' in claims.groups\"\n\
         [[issuer.required]]\nwhen = \"claims.department == 'it'\"\nmessage = 'Only for IT.'";
    let app = serve(&IssuersFile::new(&block(&second, "second", lines))).await;
    let bob = |groups: Value| {
        let token = second.token().subject("bob").scope(ALL_SCOPES).algorithm(Algorithm::Es256);
        token.claim("department", "it").claim("groups", groups)
    };
    assert_eq!(app.get("/api/v1/users", &bob(json!([])).sign()).await.status(), 403);
    assert_eq!(app.get("/api/v1/users", &bob(json!(["audit"])).sign()).await.status(), 200);
    let access = app.get("/api/v1/me/access", &bob(json!(["ops"])).sign()).await.json();
    assert!(access["roles"].as_array().unwrap().iter().any(|role| role["name"] == "admin"), "{access}");

    let refused = app.get("/api/v1/users", &bob(json!(["audit"])).claim("department", "sales").sign()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "requirement-unmet"));
    assert_eq!(refused.json()["detail"], "Only for IT.");
    assert_eq!(refused.header("www-authenticate"), None);
}

#[actix_web::test]
async fn issuers_file_is_reloaded_without_a_restart() {
    let (second, third) = (another_issuer().await, another_issuer().await);
    let file = IssuersFile::new(&block(&second, "second", ""));
    let app = serve(&file).await;
    assert_eq!(app.get("/api/v1/me", &token(&second, "bob")).await.status(), 200);
    assert_eq!(app.get("/api/v1/me", &token(&third, "bob")).await.status(), 401);

    let fetches = second.jwks().requests();
    file.write(&(block(&second, "second", "scope_mode = 'roles-only'") + &block(&third, "third", "")));
    app.issuers.reload().unwrap();
    assert_eq!(app.get("/api/v1/me", &token(&third, "bob")).await.status(), 200);
    let scopeless = second.token().subject("bob").scope("").algorithm(Algorithm::Es256).sign();
    assert_eq!(app.get("/api/v1/me", &scopeless).await.status(), 200);
    assert_eq!(second.jwks().requests(), fetches, "the keys of an unchanged issuer are kept");

    file.write(&block(&third, "third", ""));
    app.issuers.reload().unwrap();
    let refused = app.get("/api/v1/me", &token(&second, "bob")).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (401, "invalid-token"));
    assert_eq!(app.get("/api/v1/me", &app.token("bob").sign()).await.status(), 200);
}

#[actix_web::test]
async fn invalid_issuers_file_changes_nothing() {
    let second = another_issuer().await;
    let file = IssuersFile::new(&block(&second, "second", ""));
    let app = serve(&file).await;
    for bad in ["", "[[issuer]]\n", "[[issuer]\n", &block(&second, "second", "misspelt = 1")] {
        file.write(bad);
        assert!(app.issuers.reload().is_err(), "{bad}");
    }
    std::fs::remove_file(file.path()).unwrap();
    assert!(app.issuers.reload().is_err());
    assert_eq!(app.get("/api/v1/me", &token(&second, "bob")).await.status(), 200);
}

#[cfg(unix)]
#[actix_web::test]
async fn hangup_reloads_the_issuers_file() {
    let (second, third) = (another_issuer_with_system_clock().await, another_issuer_with_system_clock().await);
    let file = IssuersFile::new(&block(&second, "second", ""));
    let service = Program::portcullis()
        .var("OIDC_ISSUERS_FILE", file.path().to_str().unwrap())
        .var("DATABASE_MIGRATE", "true")
        .serve();
    let status = async |issuer: &Issuer| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("{}/api/v1/me", service.url())).bearer_auth(token(issuer, "bob"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(&second).await, status(&third).await), (200, 401));
    file.write(&block(&third, "third", ""));
    service.hang_up("reloaded the issuers");
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
    file.write("no TOML");
    service.hang_up("failed to reload the issuers; the previous issuers stay trusted");
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
}

/// An issuer with the system's clock, for a service in its own process.
async fn another_issuer_with_system_clock() -> Issuer {
    Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap()
}

#[actix_web::test]
async fn principals_move_with_an_issuer_whose_url_changes() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    app.introduce("alice").await;
    let successor = another_issuer().await;
    let rename = |arguments: &[&str]| {
        Program::on_database_of(&app)
            .run(&[&["issuers", "rename", app.idp.url(), successor.url()], arguments].concat())
            .printed()
            .to_owned()
    };
    let summary =
        |verb: &str| format!("{verb} 2 users and 0 service accounts from {} to {}\n", app.idp.url(), successor.url());
    assert_eq!(rename(&["--dry-run"]), summary("Would move"));
    assert_eq!(app.introduce("bob").await, bob);
    assert_eq!(rename(&[]), summary("Moved"));
    app.notice_external_changes().await;
    assert_ne!(app.introduce("bob").await, bob, "the old issuer has no principals any more");
}
