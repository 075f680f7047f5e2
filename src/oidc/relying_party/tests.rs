use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::{Algorithm, base64url};
use crate::oidc::testing::{self, MemoryStore, NOW, ScriptedProvider, SigningKey};
use crate::oidc::{IssuerSettings, ProviderClient};

const CLIENT: &str = "client";
const CALLBACK: &str = "https://app.example/callback";
const ACCESS_TOKEN: &str = "opaque";

struct Scene {
    provider: ScriptedProvider,
    issuers: TrustedIssuers,
    parties: RelyingParties,
    login: LoginClient,
    key: SigningKey,
}

impl Scene {
    async fn start() -> Self {
        let (provider, key) = (ScriptedProvider::start().await, SigningKey::generate(Algorithm::Es256, "a"));
        provider.publish(&[&key]);
        let at = |path: &str| format!("{}{path}", provider.url);
        let metadata = json!({
            "issuer": provider.url, "jwks_uri": at("/jwks"), "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"), "end_session_endpoint": at("/logout?realm=a"),
        });
        provider.answer("/.well-known/openid-configuration", 200, &metadata.to_string());
        let (clock, store) = (testing::clock(), Arc::new(MemoryStore::default()));
        let keys = provider.key_set(&store, &clock);
        keys.settle().await;
        let scopes = vec!["openid".to_owned(), "email".to_owned()];
        let client = LoginSettings { client_id: CLIENT.to_owned(), client_secret: None, scopes };
        let settings = IssuerSettings { login: Some(client), ..provider.settings() };
        let issuers = TrustedIssuers::new([(settings, keys)], testing::introspection_client(&clock));
        let parties = RelyingParties::new(issuers.clone(), ProviderClient::new().unwrap(), clock.clone());
        let login = LoginClient::new(parties.clone(), issuers.clone(), clock);
        Self { provider, issuers, parties, login, key }
    }

    fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": "a", "typ": "JWT" })
    }

    /// Begins a sign-in. Returns it with the claims of its ID token.
    async fn begin(&self) -> (PendingLogin, Value) {
        let LoginRequest { url, pending } = self.login.begin(CALLBACK, None).await.unwrap();
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
        let claims = json!({
            "iss": self.provider.url, "sub": "alice", "aud": CLIENT, "exp": NOW + 60, "iat": NOW, "nonce": nonce,
        });
        (pending, claims)
    }

    async fn complete(&self, pending: &PendingLogin, id_token: &str) -> Result<SignedIn, LoginError> {
        let response = json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token });
        self.provider.answer("/token", 200, &response.to_string());
        self.login.complete(pending, "code", CALLBACK).await
    }

    /// Signs in with an ID token whose claims `change` has changed.
    async fn sign_in(&self, change: impl FnOnce(&mut Value)) -> Result<SignedIn, Rejection> {
        let (pending, mut claims) = self.begin().await;
        change(&mut claims);
        rejection(self.complete(&pending, &self.key.sign(&self.header(), &claims)).await)
    }

    async fn sign_in_with(&self, name: &str, value: Value) -> Result<SignedIn, Rejection> {
        self.sign_in(|claims| claims[name] = value).await
    }

    async fn logout(&self, header: Value, claims: Value) -> Result<LogoutNotice, Rejection> {
        rejection(self.login.read_logout_token(&self.key.sign(&header, &claims)).await)
    }
}

fn rejection<T>(result: Result<T, LoginError>) -> Result<T, Rejection> {
    result.map_err(|error| match error {
        LoginError::Token(rejection) => rejection,
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn authorization_request_has_the_configured_scopes_once_and_the_prompt() {
    let scene = Scene::start().await;
    let url = scene.login.begin(CALLBACK, Some("select_account")).await.unwrap().url;
    let of = |wanted: &str| {
        let pairs = url.query_pairs().filter(|(name, _)| name == wanted);
        pairs.map(|(_, value)| value.into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("scope"), ["openid email"]);
    assert_eq!(of("prompt"), ["select_account"]);
    assert_eq!(of("redirect_uri"), [CALLBACK]);
    assert_eq!((of("nonce").len(), of("state").len(), of("code_challenge_method")), (1, 1, vec!["S256".to_owned()]));
}

#[tokio::test]
async fn id_token_of_the_sign_in_is_accepted() {
    let signed_in = Scene::start().await.sign_in(|_| {}).await.unwrap();
    assert_eq!((signed_in.claims.subject(), signed_in.provider_subject.as_str()), ("alice", "alice"));
    assert!(signed_in.claims.is_first_party());
}

#[tokio::test]
async fn id_token_of_another_sign_in_client_or_kind_is_rejected_with_the_reason() {
    let scene = Scene::start().await;
    for (name, value, expected) in [
        ("nonce", json!("another"), Rejection::WrongNonce),
        ("aud", json!("another"), Rejection::WrongAudience),
        ("aud", json!([CLIENT, "another"]), Rejection::WrongAudience),
        ("azp", json!("another"), Rejection::WrongAudience),
        ("iss", json!("https://foreign.example"), Rejection::UnknownIssuer),
        ("exp", json!(NOW - 30), Rejection::Expired),
        ("nbf", json!(NOW + 31), Rejection::NotYetValid),
        ("iat", json!(NOW + 31), Rejection::IssuedInTheFuture),
        ("exp", json!("2030-01-02T03:04:05Z"), Rejection::MalformedTime),
        ("events", json!({}), Rejection::NotAnIdToken),
        ("token_use", json!("access"), Rejection::NotAnIdToken),
        ("typ", json!("Bearer"), Rejection::NotAnIdToken),
    ] {
        assert_eq!(scene.sign_in_with(name, value).await.err(), Some(expected), "{name}");
    }
    for (name, expected) in
        [("nonce", Rejection::WrongNonce), ("exp", Rejection::NoExpiry), ("sub", Rejection::BadSubject)]
    {
        let without = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(name));
        assert_eq!(scene.sign_in(without).await.err(), Some(expected), "{name}");
    }
    assert!(scene.sign_in_with("exp", json!(NOW - 29)).await.is_ok(), "the leeway is thirty seconds");
}

#[tokio::test]
async fn id_token_with_another_header_or_signature_is_rejected() {
    let scene = Scene::start().await;
    let foreign = SigningKey::generate(Algorithm::Es256, "a");
    let hmac = json!({ "alg": "HS256", "kid": "a" });
    for (signing, header, expected) in [
        (&foreign, scene.header(), Rejection::BadSignature),
        (&scene.key, json!({ "alg": "none" }), Rejection::AlgorithmNotAllowed),
        (&scene.key, hmac, Rejection::AlgorithmNotAllowed),
        (&scene.key, json!({ "alg": "ES384", "kid": "a" }), Rejection::KeyMismatch),
        (&scene.key, json!({ "alg": "ES256", "kid": "b" }), Rejection::UnknownKey),
        (&scene.key, json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" }), Rejection::NotAnIdToken),
        (&scene.key, json!({ "alg": "ES256", "kid": "a", "typ": "logout+jwt" }), Rejection::NotAnIdToken),
        (&scene.key, json!({ "alg": "ES256", "kid": "a", "crit": ["exp"] }), Rejection::UnsupportedExtension),
    ] {
        let (pending, claims) = scene.begin().await;
        let result = scene.complete(&pending, &signing.sign(&header, &claims)).await;
        assert_eq!(rejection(result).err(), Some(expected), "{header}");
    }
    let (pending, claims) = scene.begin().await;
    assert!(
        scene.complete(&pending, &scene.key.sign(&json!({ "alg": "ES256" }), &claims)).await.is_ok(),
        "without kid"
    );
}

#[tokio::test]
async fn id_token_with_a_repeated_member_is_rejected_at_any_depth() {
    let scene = Scene::start().await;
    for repeated in [r#""roles": 1, "roles": 2"#, r#""a": { "b": 1, "b": 1 }"#, r#""sub": "bob""#] {
        let (pending, claims) = scene.begin().await;
        let text = claims.to_string().replacen('{', &format!("{{{repeated},"), 1);
        let token = scene.key.sign_texts(scene.header().to_string().as_bytes(), text.as_bytes());
        let result = rejection(scene.complete(&pending, &token).await);
        assert_eq!(result.err(), Some(Rejection::MalformedClaims), "{repeated}");
    }
}

#[tokio::test]
async fn access_token_hash_is_checked_where_the_id_token_has_one() {
    let scene = Scene::start().await;
    let hash = |token: &str| base64url::encode(&digest(&SHA256, token.as_bytes()).as_ref()[..16]);
    assert!(scene.sign_in_with("at_hash", json!(hash(ACCESS_TOKEN))).await.is_ok());
    for wrong in [hash("another"), String::new(), hash(ACCESS_TOKEN)[1..].to_owned()] {
        assert_eq!(scene.sign_in_with("at_hash", json!(wrong)).await.err(), Some(Rejection::WrongTokenHash), "{wrong}");
    }
}

/// As providers send them: Cognito, Auth0, Casdoor, AD FS, IdentityServer and LinkedIn among others.
#[tokio::test]
async fn claims_that_are_not_used_are_accepted_in_any_shape() {
    let scene = Scene::start().await;
    for (name, value) in [
        ("email_verified", json!("True")),
        ("updated_at", json!("2023-11-14T22:13:20.000Z")),
        ("name", json!(null)),
        ("address", json!([])),
        ("amr", json!("pwd")),
        ("email", json!(["a@example.test", "b@example.test"])),
        ("locale", json!({ "country": "US", "language": "en" })),
        ("auth_time", json!("1699955593")),
        ("birthdate", json!(1970)),
        ("at_hash", json!(null)),
    ] {
        assert!(scene.sign_in_with(name, value).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn token_that_is_not_a_logout_token_is_rejected_as_such() {
    let scene = Scene::start().await;
    let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let claims = json!({
        "iss": scene.provider.url, "sub": "alice", "aud": CLIENT, "exp": NOW + 60, "iat": NOW, "jti": "1",
        "events": event,
    });
    let header = |typ: &str| json!({ "alg": "ES256", "kid": "a", "typ": typ });
    assert!(scene.logout(header("logout+jwt"), claims.clone()).await.is_ok());
    for typ in ["at+jwt", "secevent+jwt"] {
        let result = scene.logout(header(typ), claims.clone()).await;
        assert_eq!(result.err(), Some(Rejection::NotALogoutToken), "{typ}");
    }
    for (name, value) in [("events", json!({})), ("nonce", json!("n")), ("jti", json!(""))] {
        let mut claims = claims.clone();
        claims[name] = value;
        let result = scene.logout(header("logout+jwt"), claims).await;
        assert_eq!(result.err(), Some(Rejection::NotALogoutToken), "{name}");
    }
    let foreign = SigningKey::generate(Algorithm::Es256, "a").sign(&header("logout+jwt"), &claims);
    assert_eq!(rejection(scene.login.read_logout_token(&foreign).await).err(), Some(Rejection::BadSignature));
}

#[tokio::test]
async fn logout_request_names_the_client_the_id_token_and_the_destination() {
    let scene = Scene::start().await;
    let (id_token, after) = (scene.sign_in(|_| {}).await.unwrap().id_token, "https://app.example/bye");
    let url = scene.login.end_session_url(Some(&id_token), Some(&after.parse().unwrap())).await.unwrap();
    let mut pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    pairs.sort();
    let expected = [
        ("client_id", CLIENT),
        ("id_token_hint", id_token.expose_secret()),
        ("post_logout_redirect_uri", after),
        ("realm", "a"),
    ];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let url = scene.login.end_session_url(None, None).await.unwrap();
    assert_eq!(url.query(), Some("realm=a&client_id=client"));
}

#[tokio::test]
async fn sign_in_is_off_once_the_issuers_are_reloaded_without_a_client() {
    let scene = Scene::start().await;
    scene.issuers.replace([]);
    scene.parties.reload();
    assert!(matches!(scene.login.begin(CALLBACK, None).await, Err(LoginError::Off)));
}

proptest! {
    #[test]
    fn any_lifetime_from_a_provider_yields_a_valid_time(seconds in any::<u64>(), shift in 0_u32..64) {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        // Shifted, so that short lifetimes are tested too.
        let lifetime = token_response::lifetime(Duration::from_secs(seconds >> shift));
        prop_assert!(later(now, lifetime) >= now);
    }
}
