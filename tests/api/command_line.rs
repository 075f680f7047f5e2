//! The `portcullis` command, run as an operator runs it.

use std::fs;
use std::time::Duration;

use portcullis::dev::{Issuer, IssuerOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::program::Program;
use crate::support::{AUDIENCE, TestApp, TestDatabase, client};

/// An event of the audit trail.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    action: String,
    outcome: String,
    actor: Option<String>,
}

/// The events that the command line added to a user's audit trail, oldest first, without those of provisioning.
fn trail(app: &TestApp, id: &str) -> Vec<Event> {
    let written = Program::on_database_of(app).run(&["audit", "export", "--format", "jsonl"]);
    let events = written.printed().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |event: &Value, member: &str| event[member].as_str().map(str::to_owned);
    let event = |event: Value| Event {
        action: text(&event, "action").unwrap(),
        outcome: text(&event, "outcome").unwrap(),
        actor: text(&event, "actor"),
    };
    let of_target = events.filter(|event| event["target"] == id).map(event);
    of_target.filter(|event| !matches!(&*event.action, "user.create" | "admin.bootstrap")).collect()
}

/// An event of the command line, which has no actor.
fn event(action: &str, outcome: &str) -> Event {
    Event { action: action.to_owned(), outcome: outcome.to_owned(), actor: None }
}

#[test]
fn help_lists_every_subcommand() {
    let help = Program::portcullis().run(&["--help"]);
    for name in [
        "serve",
        "dev",
        "config",
        "health",
        "issuers",
        "migrate",
        "routes",
        "openapi",
        "audit",
        "roles",
        "service-accounts",
        "users",
    ] {
        let is_listed = help.printed().lines().any(|line| line.split_whitespace().next() == Some(name));
        assert!(is_listed, "{name} is not in:\n{}", help.printed());
    }
}

/// Enough settings to serve; the issuer does not answer.
fn with_absent_issuer() -> Program {
    let issuer = Program::portcullis().var("OIDC_ISSUER", "http://127.0.0.1:1").var("OIDC_AUDIENCE", AUDIENCE);
    issuer.var("DATABASE_MIGRATE", "true")
}

#[test]
fn occupied_default_metrics_address_disables_metrics_and_a_configured_one_stops_the_start() {
    // If the address is in use already, binding fails, which is as good.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9464");
    let service = with_absent_issuer().unset("SERVER_MANAGEMENT_BIND").var("SERVER_GRACE_SECONDS", "0").serve();
    assert!(service.startup_output().contains("default metrics address is in use; metrics are disabled"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = with_absent_issuer()
        .var("SERVER_BIND", "127.0.0.1:0")
        .var("SERVER_MANAGEMENT_BIND", &taken.local_addr().unwrap().to_string())
        .run(&["serve"]);
    assert!(refused.stderr().contains("SERVER_MANAGEMENT_BIND"), "{}", refused.stderr());
}

#[test]
fn config_shows_the_origin_of_each_setting_and_no_secret() {
    let program = Program::portcullis()
        .var("OIDC_ISSUER", "https://id.example.com")
        .var("OIDC_INTROSPECTION_CLIENT_SECRET", "marked-1");
    let dot_env = "OIDC_ISSUER=https://marked.example\nOIDC_AUDIENCE=https://api.example.com\nOIDC_JIT=sometimes\n";
    fs::write(program.folder().join(".env"), dot_env).unwrap();
    let shown = program.run(&["config"]);
    let line = |variable: &str| {
        let lines = shown.output().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.into_iter().find(|words| words[0] == variable).unwrap()[1..].join(" ")
    };
    assert_eq!(line("OIDC_ISSUER"), "https://id.example.com environment");
    assert_eq!(line("OIDC_AUDIENCE"), "https://api.example.com .env");
    assert_eq!(line("OIDC_JIT"), "sometimes .env");
    assert_eq!(line("OIDC_INTROSPECTION_CLIENT_SECRET"), "******** environment");
    assert_eq!(line("SERVER_GRACE_SECONDS"), "5 default");
    assert!(shown.stderr().contains("OIDC_JIT"), "the faults are not reported: {}", shown.stderr());
    assert!(!shown.output().contains("marked"), "{}", shown.output());
}

#[test]
fn serving_without_an_issuer_names_the_missing_settings_in_one_line() {
    for arguments in [&[][..], &["serve"]] {
        let refused = Program::portcullis().run(arguments);
        let message = refused.stderr();
        assert_eq!(message.lines().count(), 1, "{message}");
        for word in ["OIDC_ISSUER", "OIDC_AUDIENCE", "`portcullis dev` runs without"] {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
    }
}

#[test]
fn all_faults_of_the_environment_are_reported_at_once_without_values() {
    let names = ["SERVER_BIND", "DATABASE_URL", "OIDC_ISSUER", "OIDC_ALGORITHMS", "BOOTSTRAP_ADMIN", "LOG_FORMAT"];
    let program = names.iter().fold(Program::portcullis(), |program, name| program.var(name, "marked"));
    let refused = program.run(&["serve"]);
    let message = refused.stderr();
    for name in names.iter().chain(&["OIDC_AUDIENCE"]) {
        assert!(message.contains(name), "{name} is not in: {message}");
    }
    assert!(!message.contains("marked"), "{message}");
}

#[test]
fn migrating_again_applies_nothing() {
    let program = Program::portcullis();
    let first = program.run(&["migrate"]);
    assert!(first.printed().lines().all(|line| line.starts_with("applied 2026-11-2")), "{}", first.printed());
    assert!(program.folder().join("portcullis.db").is_file());
    assert_eq!(program.run(&["migrate"]).printed(), "no pending migrations: the schema is up to date\n");
}

#[test]
fn serving_an_unmigrated_database_names_the_command_that_migrates_it() {
    let program = Program::portcullis()
        .var("OIDC_ISSUER", "https://id.example.com")
        .var("OIDC_AUDIENCE", "https://api.example.com")
        .var("SERVER_BIND", "127.0.0.1:0");
    let refused = program.run(&["serve"]);
    assert!(refused.stderr().contains("run `portcullis migrate`"), "{}", refused.stderr());
    assert!(refused.stderr().contains("DATABASE_MIGRATE=true"), "{}", refused.stderr());
}

#[test]
fn env_file_is_read_and_the_environment_wins() {
    let program = Program::portcullis();
    fs::write(program.folder().join(".env"), "DATABASE_URL=sqlite://from-file.db\n").unwrap();
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("from-file.db").is_file());

    let program = Program::portcullis().var("DATABASE_URL", "sqlite://from-environment.db");
    fs::write(program.folder().join(".env"), "DATABASE_URL=sqlite://from-file.db\n").unwrap();
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("from-environment.db").is_file());
    assert!(!program.folder().join("from-file.db").exists());
}

#[cfg(unix)]
#[test]
fn env_file_that_others_own_or_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let refuses = |program: &Program| {
        let refused = program.run(&["migrate"]);
        let stderr = refused.stderr();
        assert!(stderr.contains(".env must be owned by the user who runs this or by root"), "{stderr}");
        assert!(!program.folder().join("from-file.db").exists());
    };
    let program = Program::portcullis();
    let file = program.folder().join(".env");
    fs::write(&file, "DATABASE_URL=sqlite://from-file.db\n").unwrap();
    for mode in [0o666, 0o620, 0o602] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        refuses(&program);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    // Only root may change the owner of a file.
    if std::os::unix::fs::chown(&file, Some(65_532), None).is_ok() {
        refuses(&program);
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("from-file.db").is_file());
}

#[actix_web::test]
async fn misspelt_variable_is_reported_with_the_nearest_setting() {
    let misspelt = |program: Program| {
        let program =
            program.var("SERVER_TRUSTED_PROXY", "10.0.0.0/8").var("SESSION_IDLE", "60").var("OICD_JIT", "off");
        program
            .var("DATABASE_SERVICE_HOST", "10.0.0.1")
            .var("DATABASE_PORT", "tcp://10.0.0.1:5432")
            .var("SERVER_PORT", "80")
    };
    let expected = [
        "OICD_JIT is not a setting; did you mean OIDC_JIT?",
        "SERVER_PORT is not a setting, and is ignored",
        "SERVER_TRUSTED_PROXY is not a setting; did you mean SERVER_TRUSTED_PROXIES?",
        "SESSION_IDLE is not a setting, and is ignored",
    ];
    let idp =
        portcullis::dev::Issuer::start(portcullis::dev::IssuerOptions::new(crate::support::AUDIENCE)).await.unwrap();
    let doctor =
        misspelt(Program::portcullis().var("OIDC_ISSUER", idp.url()).var("OIDC_AUDIENCE", crate::support::AUDIENCE));
    let report = doctor.run(&["doctor"]);
    let (_service, served) = misspelt(Program::portcullis()).trusting(&idp).serve_with_log();
    for line in expected {
        assert!(report.output().contains(&format!("warning configuration: {line}")), "{}", report.output());
        assert!(served.contains(line), "{served}");
    }
    for text in [report.output(), &served] {
        assert_eq!(text.matches("is not a setting").count(), expected.len(), "{text}");
    }
}

#[test]
fn env_file_of_a_parent_folder_is_ignored() {
    let program = Program::portcullis().below("service");
    fs::write(program.folder().join("../.env"), "DATABASE_URL=sqlite://from-above.db\n").unwrap();
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("portcullis.db").is_file());
}

#[actix_web::test]
async fn openapi_prints_the_served_document() {
    let app = TestApp::spawn().await;
    let printed: Value = serde_json::from_str(Program::portcullis().run(&["openapi"]).printed()).unwrap();
    assert_eq!(printed, app.get_without_token("/openapi.json").await.json());
}

#[actix_web::test]
async fn users_are_listed_as_a_table_and_as_json() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let table = Program::on_database_of(&app).run(&["users", "list"]);
    let mut lines = table.printed().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["ID", "STATUS", "USERNAME", "NAME"]);
    assert_eq!(lines.next().unwrap(), [&alice, "active", "alice", "Alice", "Archer"]);
    assert_eq!(lines.next().unwrap(), [&bob, "active", "bob", "Bob", "Baker"]);
    assert_eq!(lines.next(), None);

    let users: Value =
        serde_json::from_str(Program::on_database_of(&app).run(&["users", "list", "--json"]).printed()).unwrap();
    assert_eq!(users, app.get("/api/v1/users", &app.admin()).await.json()["items"]);
}

#[actix_web::test]
async fn changes_by_the_command_line_take_effect_after_a_poll_and_are_audited() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let token = app.token("bob").sign();
    let status = async |path: &str| app.get(path, &token).await.status();
    let program = Program::on_database_of(&app);

    assert_eq!(status("/api/v1/users").await, 403);
    let granted = program.run(&["users", "grant", &bob, "auditor"]);
    assert_eq!(granted.printed(), format!("{bob} is active, with the roles: auditor, member\n"));
    app.notice_external_changes().await;
    assert_eq!(status("/api/v1/users").await, 200);

    program.run(&["users", "disable", &bob, "--reason", "left"]).printed();
    app.notice_external_changes().await;
    assert_eq!(status("/api/v1/me").await, 403);
    let shown = app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await.json();
    assert_eq!((&shown["status"], &shown["disabled_reason"]), (&json!("disabled"), &json!("left")));
    program.run(&["users", "enable", &bob]).printed();
    app.notice_external_changes().await;
    assert_eq!(status("/api/v1/me").await, 200);

    let expected = [("role.grant", "done"), ("user.disable", "done"), ("user.enable", "done")];
    assert_eq!(trail(&app, &bob), expected.map(|(action, outcome)| event(action, outcome)));
}

#[actix_web::test]
async fn running_service_notices_a_user_disabled_by_the_command_line() {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let place = TestDatabase::migrated();
    let database = place.url();
    let service = Program::portcullis().var("DATABASE_URL", &database).trusting(&idp).serve();
    let (client, token) = (client(), idp.token().subject("bob").scope("profile:read").sign());
    let me = async || client.get(format!("{}/api/v1/me", service.url())).bearer_auth(&token).send().await.unwrap();
    let bob: Value = serde_json::from_str(&me().await.text().await.unwrap()).unwrap();
    let bob = bob["id"].as_str().unwrap().to_owned();
    // The second request is served from the cache, so that only polling reveals the change.
    assert_eq!((me().await.status(), me().await.status()), (StatusCode::OK, StatusCode::OK));
    Program::portcullis().var("DATABASE_URL", &database).run(&["users", "disable", &bob]).printed();
    let refused = async { while me().await.status() != StatusCode::FORBIDDEN {} };
    tokio::time::timeout(Duration::from_secs(30), refused).await.expect("the service notices the change");
}

#[actix_web::test]
async fn unknown_user_or_role_is_named_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let program = Program::on_database_of(&app);
    let unknown_id = "01890000-0000-7000-8000-000000000000";
    for (arguments, sentence) in [
        (["users", "grant", &bob, "no-such-role"].as_slice(), "The role does not exist"),
        (&["users", "grant", unknown_id, "auditor"], "The user does not exist"),
        (&["users", "disable", unknown_id], "The user does not exist"),
        (&["users", "enable", "bob"], "invalid value 'bob' for '<ID>'"),
        (&["users", "grant", &bob, "auditor", "--expires-at", "2020-01-01T00:00:00Z"], "must be in the future"),
    ] {
        let refused = program.run(arguments);
        assert!(refused.stderr().contains(sentence), "{arguments:?}: {}", refused.stderr());
    }
    assert_eq!(trail(&app, &bob), []);
}

#[actix_web::test]
async fn last_admin_cannot_be_disabled_until_there_is_a_second_one() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let program = Program::on_database_of(&app);
    let refused = program.run(&["users", "disable", &alice]);
    assert!(refused.stderr().contains("This is the last administrator"), "{}", refused.stderr());
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.status(), 200);

    program.run(&["users", "grant", &bob, "admin"]).printed();
    program.run(&["users", "disable", &alice]).printed();
    app.notice_external_changes().await;
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 200);
    assert_eq!(trail(&app, &alice), [event("user.disable", "refused"), event("user.disable", "done")]);
}

#[test]
fn development_token_needs_a_development_issuer() {
    // Port 1 is unused.
    let refused = Program::portcullis().run(&["dev", "token", "alice", "--issuer-port", "1"]);
    let sentence = "no development issuer is running on 127.0.0.1:1: start one with `portcullis dev`";
    assert!(refused.stderr().contains(sentence), "{}", refused.stderr());
}

#[actix_web::test]
async fn user_is_shown_and_loses_a_role_and_tokens() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let program = Program::on_database_of(&app);
    program.run(&["users", "grant", &bob, "auditor"]).printed();
    let shown: Value = serde_json::from_str(program.run(&["users", "show", &bob, "--json"]).printed()).unwrap();
    assert_eq!(shown, app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await.json());
    let table = program.run(&["users", "show", &bob]);
    for words in [&[bob.as_str(), "active", "bob", "Bob", "Baker"][..], &["auditor", "manual"], &["member", "manual"]] {
        let is_listed_row = |line: &str| line.split_whitespace().collect::<Vec<_>>() == words;
        assert!(table.printed().lines().any(is_listed_row), "{words:?} is not in:\n{}", table.printed());
    }
    let revoked = program.run(&["users", "revoke-role", &bob, "auditor"]);
    assert_eq!(revoked.printed(), format!("{bob} is active, with the roles: member\n"));
    program.run(&["users", "revoke", &bob]).printed();
    let expected = [("role.grant", "done"), ("role.revoke", "done"), ("user.revoke-tokens", "done")];
    assert_eq!(trail(&app, &bob), expected.map(|(action, outcome)| event(action, outcome)));
}

#[actix_web::test]
async fn service_accounts_are_registered_and_listed() {
    let app = TestApp::spawn().await;
    let program = Program::on_database_of(&app).trusting(&app.idp);
    let added = program.run(&["service-accounts", "add", "reporter", "--name", "Nightly", "--role", "auditor"]);
    let id = added.printed().split_whitespace().next().unwrap();
    assert_eq!(app.get("/api/v1/users", &app.machine_token("reporter").sign()).await.status(), 200);
    let table = program.run(&["service-accounts", "list"]);
    let row: Vec<&str> = table.printed().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, [id, "active", "reporter", "Nightly", app.idp.url()]);
    let listed: Value = serde_json::from_str(program.run(&["service-accounts", "list", "--json"]).printed()).unwrap();
    assert_eq!(listed, app.get("/api/v1/service-accounts", &app.admin()).await.json()["items"]);
    let again = program.run(&["service-accounts", "add", "reporter"]);
    assert!(again.stderr().contains("`client_id` is already in use"), "{}", again.stderr());
}

#[actix_web::test]
async fn roles_are_listed_with_their_permissions() {
    let app = TestApp::spawn().await;
    app.make_role("support", &["profile:read", "users:read"]).await;
    let table = Program::on_database_of(&app).run(&["roles", "list"]);
    let row: Vec<&str> =
        table.printed().lines().find(|line| line.starts_with("support")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["support", "no", "profile:read", "users:read"]);
    let listed: Value =
        serde_json::from_str(Program::on_database_of(&app).run(&["roles", "list", "--json"]).printed()).unwrap();
    assert_eq!(listed, app.get("/api/v1/roles", &app.admin()).await.json()["items"]);
}

/// The command on the database and with the issuer of a running service, and a file with these lines to import.
fn importing(app: &TestApp, lines: &str) -> Program {
    let program = Program::on_database_of(app).trusting(&app.idp);
    fs::write(program.folder().join("people.csv"), lines).unwrap();
    program
}

#[actix_web::test]
async fn users_are_imported_once_and_keep_their_roles_at_first_sign_in() {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    let lines = "subject,display_name,roles\ncarol,Carol,auditor member\nbob,Robert,auditor\ndave,\"Dave, D.\",\n";
    let program = importing(&app, lines);
    let dry = program.run(&["users", "import", "people.csv", "--dry-run"]);
    assert_eq!(dry.printed(), "dry run, no changes made: 2 added, 1 already present, 0 rejected\n");
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.json()["items"].as_array().unwrap().len(), 2);

    let first = program.run(&["users", "import", "people.csv"]);
    assert_eq!(first.printed(), "2 added, 1 already present, 0 rejected\n");
    let again = program.run(&["users", "import", "people.csv", "--json"]);
    let summary: Value = serde_json::from_str(again.printed()).unwrap();
    assert_eq!(summary, json!({ "added": 0, "already_there": 3, "refused": [] }));

    let carol = app.get("/api/v1/me", &app.token("carol").sign()).await.json();
    assert_eq!(carol["display_name"], "Carol");
    assert_eq!(app.get("/api/v1/users", &app.token("carol").sign()).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 403);
    let id = carol["id"].as_str().unwrap();
    assert_eq!(trail(&app, id), []);
    let mut exported: Value = serde_json::from_str(program.run(&["users", "export", id]).printed()).unwrap();
    let mut served = app.get(&format!("/api/v1/users/{id}/export"), &app.admin()).await.json();
    // The later export has one more event: its own.
    let later = served["audit_events"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!((&later["action"], later["actor"].is_string()), (&json!("user.export"), true));
    assert_eq!(exported["audit_events"].as_array_mut().unwrap().last().unwrap()["actor"], Value::Null);
    assert_eq!(exported, served);
}

#[actix_web::test]
async fn every_bad_line_is_reported_with_number_and_reason_and_the_others_are_imported() {
    let app = TestApp::spawn().await;
    let lines = "subject,email,roles,expires_at\n\
                 a,,,\n\
                 ,marked@example.test,,\n\
                 b,,no-such-role,\n\
                 c,,,tomorrow\n\
                 a,,,\n\
                 d\n\
                 e,e@example.test,,2099-01-01T00:00:00Z\n";
    let refused = importing(&app, lines).run(&["users", "import", "people.csv"]);
    let reported: Vec<&str> = refused.stderr().lines().collect();
    assert_eq!(
        reported,
        [
            "line 3: `subject` must be 1 to 255 characters without control characters.",
            "line 4: `roles` contains an unknown role.",
            "line 5: `expires_at` must be a time in the years 1970 to 9999, such as 2030-01-31T12:00:00Z (RFC 3339).",
            "line 6: The identity is already on line 2.",
            "line 7: Expected 4 fields, found 1.",
            "portcullis: 5 lines rejected",
        ]
    );
    let users = app.get("/api/v1/users", &app.admin()).await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 3, "alice, a and e: {users}");
}

#[actix_web::test]
async fn file_with_unknown_columns_is_refused_as_a_whole() {
    let app = TestApp::spawn().await;
    for lines in ["display_name\nCarol\n", "subject,password\ncarol,marked\n", ""] {
        let refused = importing(&app, lines).run(&["users", "import", "people.csv"]);
        assert!(refused.stderr().contains("the first line must name the columns"), "{}", refused.stderr());
        assert!(!refused.stderr().contains("marked"));
    }
}
