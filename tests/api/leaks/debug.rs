//! `Debug` of every type. A type that derives it and holds a text is listed here with the reason why the text may be printed.
//!
//! Types with confidential texts implement `Debug` themselves (with `redact_debug!`, or omitting the text), which unit tests check.
//! Sources are read as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const OF_OPERATOR: &str = "settings of the operator, without the secrets, whose types are redacted";
const OF_PROVIDER: &str = "public documents of a provider";
const PUBLIC_KEY: &str = "public keys";
const OF_PROGRAM: &str = "no personal data: client id and name of a service account";
const ROLES: &str = "names of roles and permissions of this service";
const CODE: &str = "words and paths of this program";
const DEVELOPMENT: &str = "the development issuer's own settings and documents";

/// File and type, and why the text may be printed.
const REVIEWED: &[(&str, &str)] = &[
    ("middleware/cors.rs CorsRule", OF_OPERATOR),
    ("app/start_error.rs StartError", "names of migrations"),
    ("routing/catalogue.rs RegistrationFault", CODE),
    ("auth/session/origins.rs Origins", OF_OPERATOR),
    ("auth/challenge.rs BearerChallenge", "content of the response: scopes and the service's own URL"),
    ("config/cors.rs CorsConfig", OF_OPERATOR),
    ("config/effective.rs EffectiveSetting", "settings of the operator, with secrets replaced by asterisks"),
    ("config/faults.rs Fault", "names of variables and their rules; never their values"),
    ("config/oidc.rs DocsClient", OF_OPERATOR),
    ("config/oidc.rs IssuerSource", OF_OPERATOR),
    ("config/server.rs ServerConfig", OF_OPERATOR),
    ("config/session.rs SessionConfig", OF_OPERATOR),
    ("database/config.rs DatabaseConfig", OF_OPERATOR),
    ("database/error.rs DatabaseError", "names of migrations"),
    ("dev/endpoint.rs EndpointBehavior", DEVELOPMENT),
    ("dev/id_token.rs SessionClaim", DEVELOPMENT),
    ("dev/issuer.rs IssuerOptions", DEVELOPMENT),
    ("error/mod.rs Error", "fixed sentences that repeat no input, and scopes"),
    ("models/audit.rs AuditEvent", "ids, the client, and changes without personal data"),
    ("models/audit.rs Changes", "names of fields, and values only where they are not personal"),
    ("models/audit_trail.rs AuditTarget", "the kind of the target and its id"),
    ("models/grant.rs Grant", ROLES),
    ("models/grant.rs Role", ROLES),
    ("models/key_set.rs KeySetTurn", "an issuer's address"),
    ("models/key_set.rs StoredKeySet", PUBLIC_KEY),
    ("oidc/mapping/claim_mapping.rs ClaimMapping", OF_OPERATOR),
    ("oidc/mapping/claim_mapping.rs MachineMatcher", OF_OPERATOR),
    ("oidc/mapping/claim_path.rs PathSteps", OF_OPERATOR),
    (
        "oidc/keys/fetch.rs FetchError",
        "addresses of the configuration or the metadata, and connection errors of the HTTP client",
    ),
    ("oidc/introspection/settings.rs IntrospectionSettings", OF_OPERATOR),
    ("jose/jwk/material.rs Material", PUBLIC_KEY),
    ("oidc/keys/key_set_state.rs KeySetState", "the error of the last fetch"),
    (
        "oidc/relying_party/login_error.rs LoginError",
        "known error codes, addresses, and connection errors of the HTTP client",
    ),
    ("oidc/relying_party/settings.rs LoginSettings", OF_OPERATOR),
    ("oidc/keys/plain_http.rs PlainHttp", OF_OPERATOR),
    ("oidc/keys/discovery.rs ProviderError", OF_PROVIDER),
    ("oidc/rejection.rs Rejection", "a message that the operator configured"),
    ("oidc/keys/report.rs IssuerReport", OF_OPERATOR),
    ("oidc/mapping/rule.rs Evaluation", "the name of a claim in a rule of the operator"),
    ("oidc/mapping/rule.rs Requirement", OF_OPERATOR),
    ("oidc/mapping/rule.rs RoleRule", OF_OPERATOR),
    ("oidc/mapping/rule.rs RuleFault", OF_OPERATOR),
    ("oidc/settings.rs IssuerSettings", OF_OPERATOR),
    ("oidc/relying_party/docs_login.rs SignInEndpoints", OF_PROVIDER),
    ("oidc/keys/store.rs StoredKeySet", PUBLIC_KEY),
    ("telemetry/settings.rs LogConfig", OF_OPERATOR),
    ("telemetry/settings.rs TraceConfig", OF_OPERATOR),
    ("services/actor.rs Actor", "ids, and the client, which are logged"),
    ("services/failure.rs Failure", "names of permissions, as scopes of an issuer too"),
    ("services/roles/held_role.rs HeldRole", ROLES),
    ("services/issuers.rs IssuerRename", OF_OPERATOR),
    ("services/readiness.rs Part", OF_OPERATOR),
    (
        "services/callers/resolved_principal.rs ResolvedPrincipal",
        "the id of an identity; the principal's profile is redacted",
    ),
    ("services/roles/definition.rs RoleDraft", ROLES),
    ("services/sessions/mod.rs SessionSettings", OF_OPERATOR),
    ("services/accounts/service_accounts.rs NewServiceAccount", OF_PROGRAM),
    ("services/accounts/account_type.rs ServiceAccount", OF_PROGRAM),
    ("services/accounts/service_accounts.rs ServiceAccountEdit", OF_PROGRAM),
];

/// Types that implement `Debug` themselves, with the unit test that checks it, or the reason why none is needed.
const OWN: &[(&str, &str)] = &[
    ("AssertionKey", "oidc/introspection/tests.rs"),
    ("Claims", "oidc/verification/verifier/tests.rs"),
    ("Database", "prints no field"),
    ("DatabaseUrl", "redacted.rs"),
    ("ExtraAuthorities", PUBLIC_KEY),
    ("Identity", "services/tests/users.rs"),
    ("IdentityKey", "services/tests/users.rs"),
    ("Issuer", DEVELOPMENT),
    ("SessionClaims", "prints its issuer only"),
    ("LostRequest", "prints the status only"),
    ("PendingLogin", "prints its issuer only"),
    ("Permission", ROLES),
    ("Principal", "services/tests/users.rs"),
    ("PrincipalId", "an id"),
    ("Profile", "oidc/verification/verifier/tests.rs"),
    ("ProviderProfile", "redacted.rs"),
    ("RequestId", "identifies requests in the log; too short for a token"),
    ("Rule", OF_OPERATOR),
    ("Session", "ids that are no credentials"),
    ("SigningKey", "a key of the development issuer: its id and algorithm"),
    ("Subject", "oidc/verification/verifier/tests.rs"),
    ("UnverifiedHeader", "oidc/verification/verifier/tests.rs"),
    ("UnverifiedToken", "oidc/verification/verifier/tests.rs"),
    ("VerificationKey", PUBLIC_KEY),
];

/// Types that can hold a text from a client or a secret.
const TEXTS: [&str; 9] = ["Bytes", "HeaderMap", "HeaderValue", "Map", "PathBuf", "String", "Url", "Value", "u8"];

#[test]
fn every_type_that_prints_a_text_is_reviewed() {
    let reviewed: BTreeMap<&str, &str> = REVIEWED.iter().copied().collect();
    assert_eq!(reviewed.len(), REVIEWED.len(), "a type is listed once");
    let reviewed: BTreeSet<String> = reviewed.keys().map(|name| (*name).to_owned()).collect();
    let found = printing_texts();
    let missing: Vec<_> = found.difference(&reviewed).collect();
    assert!(missing.is_empty(), "derive `Debug` and hold texts; use redact_debug! or list the reason: {missing:?}");
    let stale: Vec<_> = reviewed.difference(&found).collect();
    assert!(stale.is_empty(), "no longer print a text: {stale:?}");
}

#[test]
fn every_manual_debug_is_reviewed() {
    let mut found = BTreeSet::new();
    for (_, code) in sources() {
        for after in code.split("Debug for ").skip(1) {
            let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // `redact_debug!` implements it for `$name`.
            found.extend((!name.is_empty()).then_some(name));
        }
    }
    let own: BTreeSet<String> = OWN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, own, "left: types that implement `Debug`, right: reviewed types");
}

/// File and name of each type that derives `Debug` and holds a text.
fn printing_texts() -> BTreeSet<String> {
    let of_file =
        |(path, code): (String, String)| types(&code).map(|name| format!("{path} {name}")).collect::<Vec<_>>();
    sources().into_iter().flat_map(of_file).collect()
}

/// The files below `src`, each with its code without comments and tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    list(&root, &mut files);
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (path, lines.join("\n"))
    };
    files.into_iter().map(read).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["tests", "testing", "test_support"].contains(&name) {
            continue;
        }
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

/// The types in this code that derive `Debug` and hold a text.
fn types(code: &str) -> impl Iterator<Item = String> + '_ {
    code.split("#[derive(").skip(1).filter_map(|after| {
        let (traits, after) = after.split_once(")]")?;
        traits.split(',').find(|name| name.trim() == "Debug")?;
        let at = [after.find("struct "), after.find("enum ")].into_iter().flatten().min()?;
        let (_, item) = after.get(at..)?.split_once(' ')?;
        let name: String = item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let body = body(item);
        let mut words = body.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'');
        let holds_text = words.any(|word| TEXTS.contains(&word)) || borrows_text(body);
        holds_text.then_some(name)
    })
}

/// The text of the item up to its end.
fn body(item: &str) -> &str {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(c, '}' | ')' | ';') {
            return &item[..at];
        }
    }
    item
}

/// Whether the type borrows a text that is not a constant.
fn borrows_text(body: &str) -> bool {
    let own = body.replace("&'static str", "");
    own.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "str")
}

#[test]
fn type_that_prints_a_text_is_found() {
    let code = "#[derive(Clone, Debug)]\npub struct One {\n  pub name: Option<String>,\n}\n#[derive(Debug)]\n#[diesel(x)]\nenum Two { A(&'static str), B(u64) }\n\
                #[derive(Debug)] pub(super) struct Three<'a>(&'a str);\n#[derive(Clone)] struct Four(String);\n#[derive(Debug)] struct Five;\nfn f(_: String) {}";
    assert_eq!(types(code).collect::<Vec<_>>(), ["One", "Three"]);
}
