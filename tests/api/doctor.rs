//! `portcullis doctor`: its report on set-ups that do not work and on refused tokens. The expected outputs are the files in
//! `tests/api/doctor/`.

use portcullis::dev::{Issuer, IssuerOptions};
use serde_json::{Value, json};

use crate::support::AUDIENCE;
use crate::support::program::Program;

async fn issuer() -> Issuer {
    Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap()
}

/// The command in a working set-up.
fn doctor(idp: &Issuer) -> Program {
    Program::portcullis().var("OIDC_ISSUER", idp.url()).var("OIDC_AUDIENCE", AUDIENCE)
}

/// Asserts that the doctor fails and prints the content of the file of this name, apart from the issuer's port.
fn assert_fault(name: &str, doctor: &Program, idp: &Issuer, arguments: &[&str]) {
    let outcome = doctor.run(&[&["doctor"], arguments].concat());
    assert!(!outcome.succeeded(), "{name}: {}", outcome.output());
    assert_output(name, outcome.output(), idp);
}

/// Asserts that the doctor refuses `token` and prints the content of the file of this name.
fn assert_refused(name: &str, doctor: &Program, idp: &Issuer, token: &str) {
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], token);
    assert!(!outcome.succeeded(), "{name}: {}", outcome.output());
    assert_output(name, outcome.output(), idp);
}

fn assert_output(name: &str, output: &str, idp: &Issuer) {
    let port = idp.url().rsplit_once(':').unwrap().1;
    let path = format!("{}/tests/api/doctor/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(output.replace(port, "PORT"), expected, "{path}");
}

#[actix_web::test]
async fn missing_issuer_is_reported() {
    assert_fault("no-issuer", &Program::portcullis(), &issuer().await, &[]);
}

#[cfg(unix)]
#[actix_web::test]
async fn database_that_other_users_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let idp = issuer().await;
    let doctor = doctor(&idp).var("DATABASE_URL", "sqlite://own.db");
    assert!(doctor.run(&["migrate"]).succeeded());
    let report = |doctor: &Program| doctor.run(&["doctor"]).output().to_owned();
    assert!(!report(&doctor).contains("own.db"), "{}", report(&doctor));
    std::fs::set_permissions(doctor.folder().join("own.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let expected = "warning database: users other than the owner have access to own.db; run `chmod 600` on it";
    assert!(report(&doctor).contains(expected), "{}", report(&doctor));
}

#[actix_web::test]
async fn missing_audience_is_reported() {
    let idp = issuer().await;
    assert_fault("no-audience", &Program::portcullis().var("OIDC_ISSUER", idp.url()), &idp, &[]);
}

#[actix_web::test]
async fn superfluous_slash_of_the_issuer_is_reported() {
    let idp = issuer().await;
    let issuer = format!("{}/", idp.url());
    let doctor = Program::portcullis().var("OIDC_ISSUER", &issuer).var("OIDC_AUDIENCE", AUDIENCE);
    assert_fault("slash", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn different_host_name_of_the_issuer_is_reported() {
    let idp = issuer().await;
    let issuer = idp.url().replace("127.0.0.1", "localhost");
    let doctor = Program::portcullis().var("OIDC_ISSUER", &issuer).var("OIDC_AUDIENCE", AUDIENCE);
    assert_fault("host", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn unreachable_key_set_is_reported() {
    let idp = issuer().await;
    let doctor = doctor(&idp).var("OIDC_JWKS_URL", "http://127.0.0.1:1/jwks");
    assert_fault("unreachable", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn failing_provider_is_reported() {
    let idp = issuer().await;
    idp.discovery().fail(500);
    assert_fault("failing", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn web_page_in_place_of_metadata_is_reported() {
    let idp = issuer().await;
    idp.discovery().serve("<html></html>");
    assert_fault("web-page", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn redirected_key_set_is_reported() {
    let idp = issuer().await;
    idp.jwks().redirect("https://keys.example.test/");
    assert_fault("moved-keys", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn key_set_without_a_key_for_the_allowed_algorithms_is_reported() {
    let idp = issuer().await;
    assert_fault("algorithm", &doctor(&idp).var("OIDC_ALGORITHMS", "ES512"), &idp, &[]);
}

#[actix_web::test]
async fn key_set_with_encryption_keys_only_is_reported() {
    let idp = issuer().await;
    idp.jwks().serve(
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "enc", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
            .to_string(),
    );
    assert_fault("encryption-keys", &doctor(&idp), &idp, &[]);
}

#[actix_web::test]
async fn introspection_without_a_secret_or_an_endpoint_is_reported() {
    let idp = issuer().await;
    let doctor = doctor(&idp).var("OIDC_OPAQUE", "true").var("OIDC_INTROSPECTION_CLIENT_ID", "api");
    assert_fault("no-secret", &doctor, &idp, &[]);
    let doctor = doctor.var("OIDC_INTROSPECTION_CLIENT_SECRET", "secret").var("OIDC_TRUST_ACTIVE", "true");
    assert_fault("no-introspection", &doctor, &idp, &[]);
}

#[actix_web::test]
async fn refused_token_is_reported_up_to_the_failing_check() {
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
        assert!(outcome.stderr().contains("--token - < token.txt"), "{}", outcome.stderr());
        assert!(!outcome.stderr().contains(&token) && outcome.output().is_empty(), "{}", outcome.stderr());
    }
}

#[actix_web::test]
async fn valid_token_is_reported_in_full_and_no_file_is_created() {
    let idp = issuer().await;
    let doctor = doctor(&idp);
    let token = idp.token().subject("alice").scope("profile:read users:read").sign();
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], &token);
    assert!(outcome.succeeded(), "{}", outcome.output());
    assert_output("token-good", outcome.output(), &idp);
    assert_eq!(std::fs::read_dir(doctor.folder()).unwrap().count(), 0);
}

#[actix_web::test]
async fn principal_of_a_valid_token_is_reported() {
    let idp = issuer().await;
    let doctor = doctor(&idp);
    doctor.run(&["migrate"]).printed();
    let token = idp.token().subject("alice").scope("profile:read users:read").sign();
    let outcome = doctor.run_with_input(&["doctor", "--token", "-"], &token);
    assert!(outcome.succeeded(), "{}", outcome.output());
    let last_line = "note    principal: no principal is linked to this issuer, kind and subject yet\n";
    assert!(outcome.output().ends_with(last_line), "{}", outcome.output());
}

#[actix_web::test]
async fn report_is_available_as_json() {
    let idp = issuer().await;
    idp.jwks().fail(503);
    let outcome = doctor(&idp).run(&["doctor", "--json"]);
    assert!(!outcome.succeeded());
    let report: Value = serde_json::from_str(outcome.output()).unwrap();
    assert_eq!(report["findings"][0]["verdict"], "ok");
    assert_eq!(report["findings"][1]["verdict"], "fault");
    assert_eq!(report["findings"][1]["about"], "issuer 127.0.0.1");
}
