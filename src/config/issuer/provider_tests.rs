//! Tests each preset with tokens from the public documentation of its provider, in tests/fixtures/providers.
//!
//! The claims are those of the documentation. Times are added, and a test key signs.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::Config;
use crate::jose::Algorithm;
use crate::oidc::testing::{self, MemoryStore, NOW, SigningKey};
use crate::oidc::{
    Claims, IssuerSettings, KeySet, Preset, ProviderClient, Rejection, SubjectKind, TokenVerifier, TrustedIssuers,
};

/// The fixture of a provider, its signing key and a verifier that trusts it.
struct Provider {
    fixture: Value,
    key: SigningKey,
    verifier: TokenVerifier,
}

impl Provider {
    fn of(preset: Preset) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/providers");
        let text = std::fs::read_to_string(path.join(format!("{}.json", preset.as_str()))).unwrap();
        let fixture: Value = serde_json::from_str(&text).unwrap();
        let key = SigningKey::generate(Algorithm::Rs256, "1");
        let settings = settings(preset, &fixture["issuer"], &key);
        let client = ProviderClient::new().unwrap();
        let keys = KeySet::start(&settings, client, Arc::new(MemoryStore::default()), testing::clock());
        let verifier = TokenVerifier::new(
            TrustedIssuers::new([(settings, keys)], testing::introspection_client(&testing::clock())),
            testing::clock(),
        );
        Self { fixture, key, verifier }
    }

    async fn verify(&self, case: &Value) -> Result<Arc<Claims>, Rejection> {
        let (mut header, mut claims) = (case["header"].clone(), case["claims"].clone());
        header["alg"] = json!("RS256");
        header["kid"] = json!("1");
        claims["iat"] = json!(NOW);
        claims["exp"] = json!(NOW + 300);
        self.verifier.verify(&self.key.sign(&header, &claims)).await
    }
}

/// The settings of the fixture, read through an issuers file.
fn settings(preset: Preset, issuer: &Value, key: &SigningKey) -> IssuerSettings {
    let mut issuer = issuer.clone();
    issuer["preset"] = json!(preset.as_str());
    issuer["static_keys"] = json!(testing::key_document(&[key]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.toml");
    let lines = issuer.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {}\n", toml(value)));
    std::fs::write(&path, format!("[[issuer]]\n{}", lines.collect::<String>())).unwrap();
    let config = Config::from_vars([("OIDC_ISSUERS_FILE", path)]).unwrap_or_else(|error| panic!("{error}"));
    config.oidc.unwrap().issuers.remove(0)
}

/// The value in TOML, whose strings and lists have the syntax of JSON.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} = {}", toml(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}

/// The verified claims in the form of a fixture.
fn mapped(claims: &Claims, expected: &Value) -> Value {
    let mut mapped = json!({
        "issuer": claims.issuer(),
        "kind": match claims.kind() { SubjectKind::Human => "human", SubjectKind::Machine => "machine" },
        "subject": claims.subject(),
        "client": claims.client_id(),
        "scopes": claims.scopes(),
        "roles": claims.roles(),
        "roles_only": claims.are_scopes_unused(),
    });
    if expected.get("email").is_some() {
        mapped["email"] = json!([claims.profile().email, claims.profile().email_verified]);
    }
    mapped
}

#[tokio::test]
async fn every_preset_maps_the_tokens_of_its_provider() {
    for preset in Preset::ALL {
        let provider = Provider::of(*preset);
        let cases = provider.fixture["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let case_name = format!("{}: {}", preset.as_str(), case["what"]);
            match (provider.verify(case).await, case.get("refused")) {
                (Ok(claims), None) => {
                    let mut expected = case["expected"].clone();
                    for (name, value) in
                        [("issuer", provider.fixture["issuer"]["issuer"].clone()), ("roles_only", json!(false))]
                    {
                        expected.as_object_mut().unwrap().entry(name).or_insert(value);
                    }
                    assert_eq!(mapped(&claims, &expected), expected, "{case_name}");
                }
                (Err(rejection), Some(reason)) => assert_eq!(rejection.code(), reason, "{case_name}"),
                (outcome, expected) => panic!("{case_name}: {outcome:?} instead of {expected:?}"),
            }
        }
    }
}

#[tokio::test]
async fn overage_claim_is_ignored_and_other_claims_are_kept() {
    let entra = Provider::of(Preset::Entra);
    let mut case = entra.fixture["cases"][0].clone();
    let roles = |claims: &Claims| claims.roles().iter().cloned().collect::<Vec<_>>();
    assert_eq!(roles(&entra.verify(&case).await.unwrap()), ["auditor", "member"]);
    case["claims"].as_object_mut().unwrap().remove("groups");
    case["claims"]["_claim_names"] = json!({ "groups": "src1" });
    assert_eq!(roles(&entra.verify(&case).await.unwrap()), ["member"]);
}

#[tokio::test]
async fn unmet_requirement_rejects_with_its_message() {
    let mut provider = Provider::of(Preset::Keycloak);
    provider.fixture["issuer"]["required"] =
        json!([{ "when": "claims.email_verified", "message": "Verify your e-mail address first." }]);
    let settings = settings(Preset::Keycloak, &provider.fixture["issuer"], &provider.key);
    let keys =
        KeySet::start(&settings, ProviderClient::new().unwrap(), Arc::new(MemoryStore::default()), testing::clock());
    provider.verifier = TokenVerifier::new(
        TrustedIssuers::new([(settings, keys)], testing::introspection_client(&testing::clock())),
        testing::clock(),
    );
    let mut case = provider.fixture["cases"][0].clone();
    assert!(provider.verify(&case).await.is_ok());
    for unmet in [json!(false), json!(null), json!("true")] {
        case["claims"]["email_verified"] = unmet;
        let rejection = provider.verify(&case).await.unwrap_err();
        assert_eq!(rejection, Rejection::RequirementUnmet("Verify your e-mail address first.".into()));
    }
}
