//! The `portcullis` command, as an operator meets it.

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

/// What the command line left on the audit trail of a person, the oldest first; how they came is left out.
fn trail(app: &TestApp, id: &str) -> Vec<Event> {
    let written = Program::beside(app).run(&["audit", "export", "--format", "jsonl"]);
    let events = written.printed().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |event: &Value, member: &str| event[member].as_str().map(str::to_owned);
    let event = |event: Value| Event {
        action: text(&event, "action").unwrap(),
        outcome: text(&event, "outcome").unwrap(),
        actor: text(&event, "actor"),
    };
    let of_them = events.filter(|event| event["target"] == id).map(event);
    of_them.filter(|event| !matches!(&*event.action, "user.create" | "admin.bootstrap")).collect()
}

/// An event of the command line, which is nobody known here.
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

/// Enough to serve; the issuer need not be up.
fn of_absent_issuer() -> Program {
    let issuer = Program::portcullis().var("OIDC_ISSUER", "http://127.0.0.1:1").var("OIDC_AUDIENCE", AUDIENCE);
    issuer.var("DATABASE_MIGRATE", "true")
}

#[test]
fn a_service_beside_another_serves_without_metrics_unless_it_is_told_where() {
    // Whoever has it, it is taken.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9464");
    let service = of_absent_issuer().unset("SERVER_MANAGEMENT_BIND").var("SERVER_GRACE_SECONDS", "0").serve();
    assert!(service.told_before().contains("the usual address of the metrics can't be had"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = of_absent_issuer()
        .var("SERVER_BIND", "127.0.0.1:0")
        .var("SERVER_MANAGEMENT_BIND", &taken.local_addr().unwrap().to_string())
        .run(&["serve"]);
    assert!(refused.complaint().contains("SERVER_MANAGEMENT_BIND"), "{}", refused.complaint());
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_its_secrets() {
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
    assert!(shown.complaint().contains("OIDC_JIT"), "what is wrong is told as well: {}", shown.complaint());
    assert!(!shown.output().contains("marked"), "{}", shown.output());
}

#[test]
fn serving_without_an_issuer_tells_in_one_line_what_to_set() {
    for arguments in [&[][..], &["serve"]] {
        let refused = Program::portcullis().run(arguments);
        let told = refused.complaint();
        assert_eq!(told.lines().count(), 1, "{told}");
        for word in ["OIDC_ISSUER", "OIDC_AUDIENCE", "`portcullis dev` needs nothing"] {
            assert!(told.contains(word), "{word} is not in: {told}");
        }
    }
}

#[test]
fn every_fault_of_the_environment_is_told_at_once_without_its_value() {
    let names = ["SERVER_BIND", "DATABASE_URL", "OIDC_ISSUER", "OIDC_ALGORITHMS", "BOOTSTRAP_ADMIN", "LOG_FORMAT"];
    let program = names.iter().fold(Program::portcullis(), |program, name| program.var(name, "marked"));
    let refused = program.run(&["serve"]);
    let told = refused.complaint();
    for name in names.iter().chain(&["OIDC_AUDIENCE"]) {
        assert!(told.contains(name), "{name} is not in: {told}");
    }
    assert!(!told.contains("marked"), "{told}");
}

#[test]
fn migrating_again_finds_nothing_to_do() {
    let program = Program::portcullis();
    let first = program.run(&["migrate"]);
    assert!(first.printed().lines().all(|line| line.starts_with("applied 2026-11-2")), "{}", first.printed());
    assert!(program.folder().join("portcullis.db").is_file());
    assert_eq!(program.run(&["migrate"]).printed(), "nothing to apply: the schema is up to date\n");
}

#[test]
fn serving_a_database_without_its_tables_tells_how_to_make_them() {
    let program = Program::portcullis()
        .var("OIDC_ISSUER", "https://id.example.com")
        .var("OIDC_AUDIENCE", "https://api.example.com")
        .var("SERVER_BIND", "127.0.0.1:0");
    let refused = program.run(&["serve"]);
    assert!(refused.complaint().contains("run `portcullis migrate`"), "{}", refused.complaint());
    assert!(refused.complaint().contains("DATABASE_MIGRATE=true"), "{}", refused.complaint());
}

#[test]
fn the_file_env_is_read_and_the_environment_wins() {
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
fn file_env_that_others_may_write_or_own_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let refuses = |program: &Program| {
        let refused = program.run(&["migrate"]);
        let complaint = refused.complaint();
        assert!(complaint.contains(".env must be owned by the user who runs this or by root"), "{complaint}");
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
    // Giving a file away is root's alone.
    if std::os::unix::fs::chown(&file, Some(65_532), None).is_ok() {
        refuses(&program);
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("from-file.db").is_file());
}

#[actix_web::test]
async fn misspelt_variable_is_reported_with_the_nearest() {
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
    for told in [report.output(), &served] {
        assert_eq!(told.matches("is not a setting").count(), expected.len(), "{told}");
    }
}

#[test]
fn the_file_env_of_a_folder_above_is_somebody_else_s() {
    let program = Program::portcullis().below("service");
    fs::write(program.folder().join("../.env"), "DATABASE_URL=sqlite://from-above.db\n").unwrap();
    program.run(&["migrate"]).printed();
    assert!(program.folder().join("portcullis.db").is_file());
}

#[actix_web::test]
async fn openapi_prints_the_document_that_is_served() {
    let app = TestApp::spawn().await;
    let printed: Value = serde_json::from_str(Program::portcullis().run(&["openapi"]).printed()).unwrap();
    assert_eq!(printed, app.get_without_token("/openapi.json").await.json());
}

#[actix_web::test]
async fn people_are_listed_for_people_and_for_programs() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let table = Program::beside(&app).run(&["users", "list"]);
    let mut lines = table.printed().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["ID", "STATUS", "USERNAME", "NAME"]);
    assert_eq!(lines.next().unwrap(), [&alice, "active", "alice", "Alice", "Archer"]);
    assert_eq!(lines.next().unwrap(), [&bob, "active", "bob", "Bob", "Baker"]);
    assert_eq!(lines.next(), None);

    let people: Value =
        serde_json::from_str(Program::beside(&app).run(&["users", "list", "--json"]).printed()).unwrap();
    assert_eq!(people, app.get("/api/v1/users", &app.admin()).await.json()["items"]);
}

#[actix_web::test]
async fn changes_count_once_the_service_has_looked_and_are_on_the_audit_trail() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let token = app.token("bob").sign();
    let status = async |path: &str| app.get(path, &token).await.status();
    let program = Program::beside(&app);

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
async fn a_running_service_sees_by_itself_whom_the_command_line_shuts_out() {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let place = TestDatabase::migrated();
    let database = place.url();
    let service = Program::portcullis().var("DATABASE_URL", &database).trusting(&idp).serve();
    let (client, token) = (client(), idp.token().subject("bob").scope("profile:read").sign());
    let me = async || client.get(format!("{}/api/v1/me", service.url())).bearer_auth(&token).send().await.unwrap();
    let bob: Value = serde_json::from_str(&me().await.text().await.unwrap()).unwrap();
    let bob = bob["id"].as_str().unwrap().to_owned();
    // Until he is remembered, for then only somebody who looks can know better.
    assert_eq!((me().await.status(), me().await.status()), (StatusCode::OK, StatusCode::OK));
    Program::portcullis().var("DATABASE_URL", &database).run(&["users", "disable", &bob]).printed();
    let refused = async { while me().await.status() != StatusCode::FORBIDDEN {} };
    tokio::time::timeout(Duration::from_secs(30), refused).await.expect("sees what was changed");
}

#[actix_web::test]
async fn what_is_not_known_is_named_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let program = Program::beside(&app);
    let nobody = "01890000-0000-7000-8000-000000000000";
    for (arguments, sentence) in [
        (["users", "grant", &bob, "no-such-role"].as_slice(), "there is no such role"),
        (&["users", "grant", nobody, "auditor"], "there is no such user"),
        (&["users", "disable", nobody], "there is no such user"),
        (&["users", "enable", "bob"], "invalid value 'bob' for '<ID>'"),
        (&["users", "grant", &bob, "auditor", "--expires-at", "2020-01-01T00:00:00Z"], "must be in the future"),
    ] {
        let refused = program.run(arguments);
        assert!(refused.complaint().contains(sentence), "{arguments:?}: {}", refused.complaint());
    }
    assert_eq!(trail(&app, &bob), []);
}

#[actix_web::test]
async fn the_last_admin_has_to_stay_here_too_and_a_second_one_is_the_way_out() {
    let app = TestApp::spawn().await;
    let (alice, bob) = (app.introduce("alice").await, app.introduce("bob").await);
    let program = Program::beside(&app);
    let refused = program.run(&["users", "disable", &alice]);
    assert!(refused.complaint().contains("this is the last admin"), "{}", refused.complaint());
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.status(), 200);

    program.run(&["users", "grant", &bob, "admin"]).printed();
    program.run(&["users", "disable", &alice]).printed();
    app.notice_external_changes().await;
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 200);
    assert_eq!(trail(&app, &alice), [event("user.disable", "refused"), event("user.disable", "done")]);
}

#[test]
fn a_development_token_needs_a_development_issuer() {
    // Nothing listens on the first port of a machine.
    let refused = Program::portcullis().run(&["dev", "token", "alice", "--issuer-port", "1"]);
    let sentence = "no development issuer answers on 127.0.0.1:1: start one with `portcullis dev`";
    assert!(refused.complaint().contains(sentence), "{}", refused.complaint());
}

#[actix_web::test]
async fn a_person_is_shown_and_loses_a_role_and_their_tokens() {
    let app = TestApp::spawn().await;
    let bob = app.introduce("bob").await;
    let program = Program::beside(&app);
    program.run(&["users", "grant", &bob, "auditor"]).printed();
    let shown: Value = serde_json::from_str(program.run(&["users", "show", &bob, "--json"]).printed()).unwrap();
    assert_eq!(shown, app.get(&format!("/api/v1/users/{bob}"), &app.admin()).await.json());
    let table = program.run(&["users", "show", &bob]);
    for words in [&[bob.as_str(), "active", "bob", "Bob", "Baker"][..], &["auditor", "manual"], &["member", "manual"]] {
        let is_told = |line: &str| line.split_whitespace().collect::<Vec<_>>() == words;
        assert!(table.printed().lines().any(is_told), "{words:?} is not in:\n{}", table.printed());
    }
    let told = program.run(&["users", "revoke-role", &bob, "auditor"]);
    assert_eq!(told.printed(), format!("{bob} is active, with the roles: member\n"));
    program.run(&["users", "revoke", &bob]).printed();
    let expected = [("role.grant", "done"), ("role.revoke", "done"), ("user.revoke-tokens", "done")];
    assert_eq!(trail(&app, &bob), expected.map(|(action, outcome)| event(action, outcome)));
}

#[actix_web::test]
async fn programs_are_registered_and_listed() {
    let app = TestApp::spawn().await;
    let program = Program::beside(&app).trusting(&app.idp);
    let added = program.run(&["service-accounts", "add", "reporter", "--name", "Nightly", "--role", "auditor"]);
    let id = added.printed().split_whitespace().next().unwrap();
    assert_eq!(app.get("/api/v1/users", &app.machine_token("reporter").sign()).await.status(), 200);
    let table = program.run(&["service-accounts", "list"]);
    let row: Vec<&str> = table.printed().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, [id, "active", "reporter", "Nightly", app.idp.url()]);
    let listed: Value = serde_json::from_str(program.run(&["service-accounts", "list", "--json"]).printed()).unwrap();
    assert_eq!(listed, app.get("/api/v1/service-accounts", &app.admin()).await.json()["items"]);
    let again = program.run(&["service-accounts", "add", "reporter"]);
    assert!(again.complaint().contains("client_id is taken"), "{}", again.complaint());
}

#[actix_web::test]
async fn roles_are_listed_with_what_they_grant() {
    let app = TestApp::spawn().await;
    app.make_role("support", &["profile:read", "users:read"]).await;
    let table = Program::beside(&app).run(&["roles", "list"]);
    let row: Vec<&str> =
        table.printed().lines().find(|line| line.starts_with("support")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["support", "no", "profile:read", "users:read"]);
    let listed: Value =
        serde_json::from_str(Program::beside(&app).run(&["roles", "list", "--json"]).printed()).unwrap();
    assert_eq!(listed, app.get("/api/v1/roles", &app.admin()).await.json()["items"]);
}

/// The command beside a running service, with its issuer, and a file of these lines to import.
fn importing(app: &TestApp, lines: &str) -> Program {
    let program = Program::beside(app).trusting(&app.idp);
    fs::write(program.folder().join("people.csv"), lines).unwrap();
    program
}

#[actix_web::test]
async fn people_are_imported_once_and_found_with_their_roles_when_they_come() {
    let app = TestApp::spawn().await;
    app.introduce("bob").await;
    let lines = "subject,display_name,roles\ncarol,Carol,auditor member\nbob,Robert,auditor\ndave,\"Dave, D.\",\n";
    let program = importing(&app, lines);
    let dry = program.run(&["users", "import", "people.csv", "--dry-run"]);
    assert_eq!(dry.printed(), "dry run, nothing is changed: 2 added, 1 already there, 0 refused\n");
    assert_eq!(app.get("/api/v1/users", &app.admin()).await.json()["items"].as_array().unwrap().len(), 2);

    let first = program.run(&["users", "import", "people.csv"]);
    assert_eq!(first.printed(), "2 added, 1 already there, 0 refused\n");
    let again = program.run(&["users", "import", "people.csv", "--json"]);
    let told: Value = serde_json::from_str(again.printed()).unwrap();
    assert_eq!(told, json!({ "added": 0, "already_there": 3, "refused": [] }));

    let carol = app.get("/api/v1/me", &app.token("carol").sign()).await.json();
    assert_eq!(carol["display_name"], "Carol");
    assert_eq!(app.get("/api/v1/users", &app.token("carol").sign()).await.status(), 200);
    assert_eq!(app.get("/api/v1/users", &app.token("bob").sign()).await.status(), 403);
    let id = carol["id"].as_str().unwrap();
    assert_eq!(trail(&app, id), []);
    let mut exported: Value = serde_json::from_str(program.run(&["users", "export", id]).printed()).unwrap();
    let mut served = app.get(&format!("/api/v1/users/{id}/export"), &app.admin()).await.json();
    // The later one has one event more: its own.
    let later = served["audit_events"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!((&later["action"], later["actor"].is_string()), (&json!("user.export"), true));
    assert_eq!(exported["audit_events"].as_array_mut().unwrap().last().unwrap()["actor"], Value::Null);
    assert_eq!(exported, served);
}

#[actix_web::test]
async fn every_bad_line_is_told_by_number_and_reason_and_keeps_nobody_else_out() {
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
    let told: Vec<&str> = refused.complaint().lines().collect();
    assert_eq!(
        told,
        [
            "line 3: subject must be 1 to 255 characters without control characters",
            "line 4: roles names a role that does not exist",
            "line 5: expires_at must be a time in the years 1970 to 9999 as 2030-01-31T12:00:00Z (RFC 3339)",
            "line 6: the same identity is on line 2",
            "line 7: 1 fields, where 4 are named",
            "portcullis: 5 lines were refused",
        ]
    );
    let users = app.get("/api/v1/users", &app.admin()).await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), 3, "alice, a and e: {users}");
}

#[actix_web::test]
async fn a_file_with_other_columns_is_refused_whole() {
    let app = TestApp::spawn().await;
    for lines in ["display_name\nCarol\n", "subject,password\ncarol,marked\n", ""] {
        let refused = importing(&app, lines).run(&["users", "import", "people.csv"]);
        assert!(refused.complaint().contains("the first line must name the columns"), "{}", refused.complaint());
        assert!(!refused.complaint().contains("marked"));
    }
}
