//! `portcullis doctor`: what an operator is told of set-ups that do not work, and of tokens that are refused. Each expected output is a
//! file in `tests/api/doctor/`.

use portcullis::dev::{Issuer, IssuerOptions};
use serde_json::{Value, json};

use crate::support::AUDIENCE;
use crate::support::program::Program;

async fn issuer() -> Issuer {
    Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap()
}

/// The command in a set-up where nothing is wrong yet.
fn doctor(idp: &Issuer) -> Program {
    Program::portcullis().var("OIDC_ISSUER", idp.url()).var("OIDC_AUDIENCE", AUDIENCE)
}

/// Asserts that the doctor finds something wrong and says what the file of this name says, the issuer's address aside.
fn assert_unwell(name: &str, doctor: &Program, idp: &Issuer, arguments: &[&str]) {
    let outcome = doctor.run(&[&["doctor"], arguments].concat());
    assert!(!outcome.succeeded(), "{name}: {}", outcome.output());
    assert_says(name, outcome.output(), idp);
}

/// Asserts that the doctor refuses `token`, and says what the file of this name says.
fn assert_refused(name: &str, doctor: &Program, idp: &Issuer, token: &str) {
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], token);
    assert!(!outcome.succeeded(), "{name}: {}", outcome.output());
    assert_says(name, outcome.output(), idp);
}

fn assert_says(name: &str, output: &str, idp: &Issuer) {
    let port = idp.url().rsplit_once(':').unwrap().1;
    let path = format!("{}/tests/api/doctor/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(output.replace(port, "PORT"), expected, "{path}");
}

#[actix_web::test]
async fn no_issuer() {
    assert_unwell("no-issuer", &Program::portcullis(), &issuer().await, &[]);
}

#[cfg(unix)]
#[actix_web::test]
async fn database_that_other_users_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let idp = issuer().await;
    let doctor = doctor(&idp).var("DATABASE_URL", "sqlite://own.db");
    assert!(doctor.run(&["migrate"]).succeeded());
    let told = |doctor: &Program| doctor.run(&["doctor"]).output().to_owned();
    assert!(!told(&doctor).contains("own.db"), "{}", told(&doctor));
    std::fs::set_permissions(doctor.folder().join("own.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let expected = "warning database: users other than the owner have access to own.db; run `chmod 600` on it";
    assert!(told(&doctor).contains(expected), "{}", told(&doctor));
}

#[actix_web::test]
async fn no_audience() {
    let idp = issuer().await;
    assert_unwell("no-audience", &Program::portcullis().var("OIDC_ISSUER", idp.url()), &idp, &[]);
}

#[actix_web::test]
async fn a_slash_too_many() {
    let idp = issuer().await;
    let issuer = format!("{}/", idp.url());
    let doctor = Program::portcullis().var("OIDC_ISSUER", &issuer).var("OIDC_AUDIENCE", AUDIENCE);
    assert_unwell("slash", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn another_name_of_the_host() {
    let idp = issuer().await;
    let issuer = idp.url().replace("127.0.0.1", "localhost");
    let doctor = Program::portcullis().var("OIDC_ISSUER", &issuer).var("OIDC_AUDIENCE", AUDIENCE);
    assert_unwell("host", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn nobody_listens() {
    let idp = issuer().await;
    let doctor = doctor(&idp).var("OIDC_JWKS_URL", "http://127.0.0.1:1/jwks");
    assert_unwell("unreachable", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn a_provider_that_fails() {
    let idp = issuer().await;
    idp.discovery().fail(500);
    assert_unwell("failing", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn a_web_page_where_metadata_should_be() {
    let idp = issuer().await;
    idp.discovery().serve("<html></html>");
    assert_unwell("web-page", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn keys_that_have_moved() {
    let idp = issuer().await;
    idp.jwks().redirect("https://keys.example.test/");
    assert_unwell("moved-keys", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn no_key_for_the_algorithms_that_are_allowed() {
    let idp = issuer().await;
    assert_unwell("algorithm", &doctor(&idp).var("OIDC_ALGORITHMS", "ES512"), &idp, &[]);
}

#[actix_web::test]
async fn keys_for_encryption_only() {
    let idp = issuer().await;
    idp.jwks().serve(
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "enc", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
            .to_string(),
    );
    assert_unwell("encryption-keys", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn an_issuer_that_is_to_be_asked_without_a_secret_or_a_place() {
    let idp = issuer().await;
    let doctor = doctor(&idp).var("OIDC_OPAQUE", "true").var("OIDC_INTROSPECTION_CLIENT_ID", "api");
    assert_unwell("no-secret", &doctor, &idp, &[]);
    let doctor = doctor.var("OIDC_INTROSPECTION_CLIENT_SECRET", "secret").var("OIDC_TRUST_ACTIVE", "true");
    assert_unwell("no-introspection", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn a_refused_token_is_told_up_to_the_check_that_refuses_it() {
    let idp = issuer().await;
    let elsewhere = idp.token().audience("another-service").sign();
    assert_refused("token-audience", &doctor(&idp), &idp, &elsewhere);
    assert_refused("token-opaque", &doctor(&idp), &idp, "opaque");
}

#[actix_web::test]
async fn token_in_the_arguments_is_refused_and_not_repeated() {
    let idp = issuer().await;
    let token = idp.token().subject("alice").sign();
    for arguments in [&["doctor", "--token", &token][..], &["doctor", &format!("--token={token}")]] {
        let outcome = doctor(&idp).run(arguments);
        assert!(outcome.complaint().contains("--token - < token.txt"), "{}", outcome.complaint());
        assert!(!outcome.complaint().contains(&token) && outcome.output().is_empty(), "{}", outcome.complaint());
    }
}

#[actix_web::test]
async fn a_good_token_is_told_to_its_end_and_nothing_is_made() {
    let idp = issuer().await;
    let doctor = doctor(&idp);
    let token = idp.token().subject("alice").scope("profile:read users:read").sign();
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], &token);
    assert!(outcome.succeeded(), "{}", outcome.output());
    assert_says("token-good", outcome.output(), &idp);
    assert_eq!(std::fs::read_dir(doctor.folder()).unwrap().count(), 0);
}

#[actix_web::test]
async fn what_a_known_person_may_do_with_a_token_is_told() {
    let idp = issuer().await;
    let doctor = doctor(&idp);
    doctor.run(&["migrate"]).printed();
    let token = idp.token().subject("alice").scope("profile:read users:read").sign();
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], &token);
    assert!(outcome.succeeded(), "{}", outcome.output());
    assert!(outcome.output().ends_with("note    principal: nobody is known by this issuer, kind and subject yet\n"));
}

#[actix_web::test]
async fn programs_read_json() {
    let idp = issuer().await;
    idp.jwks().fail(503);
    let outcome = doctor(&idp).run(&["doctor", "--json"]);
    assert!(!outcome.succeeded());
    let report: Value = serde_json::from_str(outcome.output()).unwrap();
    assert_eq!(report["findings"][0]["verdict"], "ok");
    assert_eq!(report["findings"][1]["verdict"], "fault");
    assert_eq!(report["findings"][1]["about"], "issuer 127.0.0.1");
}
