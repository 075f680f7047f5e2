use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::jose::Algorithm;
use crate::oidc::testing::{AUDIENCE, MemoryStore, NOW, ScriptedProvider, SigningKey, clock, introspection_client};
use crate::oidc::{ClientCredential, IntrospectionSettings, SubjectKind};

const ENDPOINT: &str = "/introspect";
const OPAQUE: &str = "an-opaque-access-token";

/// One issuer with introspection, and a verifier that trusts it.
struct Scene {
    provider: ScriptedProvider,
    key: SigningKey,
    verifier: TokenVerifier,
}

impl Scene {
    async fn opaque() -> Self {
        Self::with(|introspection| introspection.opaque = true).await
    }

    async fn always() -> Self {
        Self::with(|introspection| introspection.always = true).await
    }

    async fn with(change: impl FnOnce(&mut IntrospectionSettings)) -> Self {
        let (provider, clock) = (ScriptedProvider::start().await, clock());
        let key = SigningKey::generate(Algorithm::Es256, "a");
        provider.publish(&[&key]);
        let mut introspection = IntrospectionSettings {
            url: Some(format!("{}{ENDPOINT}", provider.url).parse().unwrap()),
            client_id: "api".into(),
            credential: ClientCredential::SecretBasic(SecretString::from("secret")),
            opaque: false,
            opaque_prefix: String::new(),
            always: false,
            requires_audience: true,
            trust_active: false,
        };
        change(&mut introspection);
        let keys = provider.key_set(&std::sync::Arc::<MemoryStore>::default(), &clock);
        let mut settings = provider.settings();
        settings.introspection = Some(introspection);
        let issuers = TrustedIssuers::new([(settings, keys)], introspection_client(&clock));
        Self { provider, key, verifier: TokenVerifier::new(issuers, clock) }
    }

    fn answer(&self, body: &Value) {
        let head = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n";
        self.provider.answer_raw(ENDPOINT, format!("{head}{body}"));
    }

    /// The verdict on an opaque token with this introspection response. Each call uses a new token, so that no cache applies.
    async fn outcome(&self, answer: &Value) -> Result<Arc<Claims>, Rejection> {
        self.answer(answer);
        let token = format!("{OPAQUE}-{}", self.provider.asked(ENDPOINT));
        self.verifier.verify(&token).await
    }

    async fn refusal(&self, answer: &Value) -> Rejection {
        self.outcome(answer).await.unwrap_err()
    }

    /// A JWT without subject and audience, such as Keycloak's lightweight access tokens.
    fn lightweight(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({ "iss": self.provider.url, "exp": NOW + 300, "azp": "app", "scope": "users:read" });
        change(&mut claims);
        self.key.sign(&self.key.header(), &claims)
    }
}

fn active() -> Value {
    json!({
        "active": true, "exp": NOW + 300, "sub": "alice", "client_id": "app", "scope": "users:read", "aud": AUDIENCE,
        "token_type": "Bearer",
    })
}

fn active_with(member: &str, value: Value) -> Value {
    let mut answer = active();
    answer[member] = value;
    answer
}

fn active_without(members: &[&str]) -> Value {
    let mut answer = active();
    for member in members {
        answer.as_object_mut().unwrap().remove(*member);
    }
    answer
}

#[tokio::test]
async fn introspection_response_provides_the_claims_of_an_opaque_token() {
    let scene = Scene::opaque().await;
    let claims = scene.outcome(&active()).await.unwrap();
    assert_eq!((claims.issuer(), claims.subject(), claims.kind()), (&*scene.provider.url, "alice", SubjectKind::Human));
    assert_eq!(claims.client_id(), Some("app"));
    assert!(claims.scopes().contains("users:read"));
    assert_eq!(claims.expires_at().timestamp(), NOW + 300);
}

#[tokio::test]
async fn encrypted_token_is_treated_as_opaque() {
    let scene = Scene::opaque().await;
    scene.answer(&active());
    assert!(scene.verifier.verify("header.key.iv.text.tag").await.is_ok());
}

#[tokio::test]
async fn opaque_token_must_be_active_and_have_an_expiry() {
    let scene = Scene::opaque().await;
    assert_eq!(scene.refusal(&json!({ "active": false })).await, Rejection::NotActive);
    assert_eq!(scene.refusal(&active_without(&["exp"])).await, Rejection::NoExpiry);
    assert_eq!(scene.refusal(&active_with("exp", json!(NOW - 31))).await, Rejection::Expired);
    assert_eq!(scene.refusal(&active_with("exp", json!("later"))).await, Rejection::MalformedTime);
    assert_eq!(scene.refusal(&active_with("nbf", json!(NOW + 31))).await, Rejection::NotYetValid);
}

#[tokio::test]
async fn token_declared_as_another_kind_is_rejected() {
    let scene = Scene::opaque().await;
    for (member, value) in [
        ("token_type", json!("refresh_token")),
        ("token_type", json!("N_A")),
        ("token_type", json!(null)),
        ("token_use", json!("refresh_token")),
        ("token_use", json!("id")),
        ("typ", json!("Refresh")),
        ("typ", json!("ID")),
    ] {
        assert_eq!(
            scene.refusal(&active_with(member, value.clone())).await,
            Rejection::NotAnAccessToken,
            "{member} {value}"
        );
    }
    assert_eq!(scene.refusal(&active_with("cnf", json!({ "jkt": "x" }))).await, Rejection::SenderConstrained);
}

#[tokio::test]
async fn audience_must_be_present_and_ours() {
    let scene = Scene::opaque().await;
    assert!(scene.outcome(&active_without(&["token_type"])).await.is_ok());
    assert_eq!(scene.refusal(&active_without(&["aud"])).await, Rejection::WrongAudience);
    assert_eq!(scene.refusal(&active_without(&["aud", "token_type"])).await, Rejection::WrongAudience);
    assert_eq!(scene.refusal(&active_with("aud", json!("another"))).await, Rejection::WrongAudience);
}

#[tokio::test]
async fn absent_audience_of_an_access_token_is_accepted_only_if_configured() {
    let scene = Scene::with(|introspection| {
        introspection.opaque = true;
        introspection.requires_audience = false;
    })
    .await;
    assert!(scene.outcome(&active_without(&["aud"])).await.is_ok());
    assert_eq!(scene.refusal(&active_without(&["aud", "token_type"])).await, Rejection::WrongAudience);
    assert_eq!(scene.refusal(&active_with("aud", json!("another"))).await, Rejection::WrongAudience);
}

#[tokio::test]
async fn active_alone_is_accepted_only_if_configured_and_never_for_another_audience() {
    let scene = Scene::with(|introspection| {
        introspection.opaque = true;
        introspection.trust_active = true;
    })
    .await;
    assert!(scene.outcome(&active_without(&["aud", "token_type"])).await.is_ok());
    assert_eq!(scene.refusal(&active_with("aud", json!("another"))).await, Rejection::WrongAudience);
    assert_eq!(scene.refusal(&active_with("typ", json!("Refresh"))).await, Rejection::NotAnAccessToken);
}

#[tokio::test]
async fn response_with_another_issuer_is_rejected() {
    let scene = Scene::opaque().await;
    assert_eq!(scene.refusal(&active_with("iss", json!("https://other.example.com"))).await, Rejection::UnknownIssuer);
    assert!(scene.outcome(&active_with("iss", json!(scene.provider.url))).await.is_ok());
}

/// An issuer with these tenants, all with the same introspection endpoint.
async fn with_tenants(tenants: &[&str]) -> Scene {
    let mut scene = Scene::opaque().await;
    let (client, keys) = (introspection_client(&clock()), MemoryStore::default());
    let keys = scene.provider.key_set(&Arc::new(keys), &clock());
    let mut settings = scene.provider.settings();
    settings.introspection =
        scene.verifier.issuers.table().issuer_of_opaque().map(|(_, found)| found.settings().clone());
    settings.issuer = format!("{}/{}", scene.provider.url, crate::oidc::TENANT_PLACE);
    settings.tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
    scene.verifier = TokenVerifier::new(TrustedIssuers::new([(settings, keys)], client), clock());
    scene
}

#[tokio::test]
async fn response_of_an_issuer_with_several_tenants_must_name_the_tenant() {
    let scene = with_tenants(&["a", "b", "c", "d"]).await;
    for tenant in ["a", "b", "c", "d"] {
        let issuer = format!("{}/{tenant}", scene.provider.url);
        let claims = scene.outcome(&active_with("iss", json!(issuer))).await.unwrap();
        assert_eq!(claims.issuer(), issuer);
    }
    assert_eq!(scene.refusal(&active()).await, Rejection::UnknownIssuer, "the tenant is ambiguous");
    let other = json!(format!("{}/e", scene.provider.url));
    assert_eq!(scene.refusal(&active_with("iss", other)).await, Rejection::UnknownIssuer);
    let only = with_tenants(&["a"]).await;
    assert_eq!(only.outcome(&active()).await.unwrap().issuer(), format!("{}/a", only.provider.url));
}

#[tokio::test]
async fn text_that_cannot_be_an_opaque_token_is_not_introspected() {
    let scene = Scene::with(|introspection| {
        introspection.opaque = true;
        introspection.opaque_prefix = "ory_at_".to_owned();
    })
    .await;
    scene.answer(&active());
    for token in ["opaque", OPAQUE, "ory_at_short", "ory_at_with a space in it"] {
        assert_eq!(scene.verifier.verify(token).await.unwrap_err(), Rejection::NotASignedJwt, "{token}");
    }
    assert_eq!(scene.provider.asked(ENDPOINT), 0);
    assert!(scene.verifier.verify("ory_at_0123456789").await.is_ok());
}

#[tokio::test]
async fn subject_of_an_opaque_token_is_checked_as_in_a_jwt() {
    let scene = Scene::opaque().await;
    assert_eq!(scene.refusal(&active_without(&["sub", "client_id"])).await, Rejection::BadSubject);
    assert_eq!(scene.refusal(&active_with("sub", json!("a\nb"))).await, Rejection::BadSubject);
    assert_eq!(scene.outcome(&active_with("sub", json!("app"))).await.unwrap().kind(), SubjectKind::Machine);
}

#[tokio::test]
async fn introspection_outage_is_reported_as_unavailable() {
    let scene = Scene::opaque().await;
    scene.provider.answer(ENDPOINT, 500, "");
    assert_eq!(scene.verifier.verify(OPAQUE).await.unwrap_err(), Rejection::IntrospectionUnavailable);
}

#[tokio::test]
async fn opaque_token_is_rejected_without_an_issuer_of_opaque_tokens() {
    let scene = Scene::always().await;
    assert_eq!(scene.verifier.verify(OPAQUE).await.unwrap_err(), Rejection::NotASignedJwt);
    assert_eq!(scene.provider.asked(ENDPOINT), 0);
}

#[tokio::test]
async fn jwt_is_not_introspected_if_only_opaque_tokens_are() {
    let scene = Scene::opaque().await;
    let token = scene.lightweight(|claims| {
        claims["aud"] = json!(AUDIENCE);
        claims["sub"] = json!("bob");
    });
    assert_eq!(scene.verifier.verify(&token).await.unwrap().subject(), "bob");
    assert_eq!(scene.provider.asked(ENDPOINT), 0);
}

#[tokio::test]
async fn introspection_response_completes_a_lightweight_jwt() {
    let scene = Scene::always().await;
    scene.answer(&json!({ "active": true, "sub": "bob", "aud": AUDIENCE, "roles": ["auditor"] }));
    let claims = scene.verifier.verify(&scene.lightweight(|_| {})).await.unwrap();
    assert_eq!((claims.subject(), claims.client_id()), ("bob", Some("app")));
    assert!(claims.roles().contains("auditor") && claims.scopes().contains("users:read"));
}

#[tokio::test]
async fn jwt_is_rejected_if_the_response_reports_it_revoked_or_for_another_audience() {
    let scene = Scene::always().await;
    scene.answer(&json!({ "active": false }));
    assert_eq!(scene.verifier.verify(&scene.lightweight(|_| {})).await.unwrap_err(), Rejection::NotActive);
    for (answer, rejection) in [
        (json!({ "active": true, "sub": "bob" }), Rejection::WrongAudience),
        (json!({ "active": true, "sub": "bob", "aud": "another" }), Rejection::WrongAudience),
        (
            json!({ "active": true, "sub": "bob", "aud": AUDIENCE, "token_use": "refresh_token" }),
            Rejection::NotAnAccessToken,
        ),
        (
            json!({ "active": true, "sub": "bob", "aud": AUDIENCE, "iss": "https://other.example.com" }),
            Rejection::UnknownIssuer,
        ),
    ] {
        scene.answer(&answer);
        let token = scene.lightweight(|claims| claims["jti"] = answer.clone());
        assert_eq!(scene.verifier.verify(&token).await.unwrap_err(), rejection, "{answer}");
    }
}

#[tokio::test]
async fn expired_or_forged_jwt_is_not_introspected() {
    let scene = Scene::always().await;
    scene.answer(&active());
    let expired = scene.lightweight(|claims| claims["exp"] = json!(NOW - 31));
    assert_eq!(scene.verifier.verify(&expired).await.unwrap_err(), Rejection::Expired);
    let foreign = SigningKey::generate(Algorithm::Es256, "a");
    let forged = foreign.sign(&foreign.header(), &json!({ "iss": scene.provider.url, "exp": NOW + 300 }));
    assert_eq!(scene.verifier.verify(&forged).await.unwrap_err(), Rejection::BadSignature);
    assert_eq!(scene.provider.asked(ENDPOINT), 0);
}

#[tokio::test]
async fn introspected_tokens_are_not_cached_by_the_guard() {
    let scene = Scene::with(|settings| (settings.always, settings.opaque) = (true, true)).await;
    scene.answer(&active());
    let jwt = scene.lightweight(|_| {});
    for token in [jwt.as_str(), OPAQUE] {
        scene.verifier.verify(token).await.unwrap();
        assert!(scene.verifier.prove(token, None).await.unwrap().validity.is_none(), "{token}");
    }
}
