use std::collections::BTreeSet;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::jose::{Algorithm, base64url};
use crate::oidc::testing::{AUDIENCE, MemoryStore, NOW, ScriptedProvider, SigningKey, clock, introspection_client};
use crate::oidc::{IssuerSettings, ScopeMode, SubjectKind};

/// One issuer with a key of each common type, and a verifier that trusts it.
pub(crate) struct Scene {
    pub(crate) provider: ScriptedProvider,
    pub(crate) clock: Clock,
    keys: [SigningKey; 5],
    pub(crate) verifier: TokenVerifier,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut IssuerSettings)) -> Self {
        let (provider, clock) = (ScriptedProvider::start().await, clock());
        let keys = Algorithm::DEFAULTS.map(|algorithm| SigningKey::generate(algorithm, algorithm.name()));
        provider.publish(&keys.each_ref());
        let key_set = provider.key_set(&Arc::<MemoryStore>::default(), &clock);
        let mut settings = provider.settings();
        change(&mut settings);
        let verifier =
            TokenVerifier::new(TrustedIssuers::new([(settings, key_set)], introspection_client(&clock)), clock.clone());
        Self { provider, clock, keys, verifier }
    }

    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.provider.url, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW,
            "client_id": "app", "scope": "users:read profile:read", "roles": ["auditor"], "name": "Alice", "jti": "1",
        })
    }

    pub(crate) fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    pub(crate) fn claims_without(&self, name: &str) -> Value {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    pub(crate) fn key(&self, algorithm: Algorithm) -> &SigningKey {
        self.keys.iter().find(|key| key.algorithm == algorithm).unwrap()
    }

    fn es256(&self) -> &SigningKey {
        self.key(Algorithm::Es256)
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.es256().sign(&self.es256().header(), claims)
    }

    /// The rejection of the token, which is the same for repeated verification and for `examine`.
    pub(crate) async fn refusal(&self, token: &str) -> Rejection {
        let refusal = self.verifier.verify(token).await.unwrap_err();
        assert_eq!(self.verifier.verify(token).await.unwrap_err(), refusal);
        assert_eq!(self.verifier.examine(token, |_| {}).await.unwrap_err(), refusal);
        refusal
    }

    async fn refusal_of_claims(&self, claims: &Value) -> Rejection {
        self.refusal(&self.token(claims)).await
    }

    async fn refusal_of_header(&self, header: &Value) -> Rejection {
        self.refusal(&self.es256().sign(header, &self.claims())).await
    }
}

#[tokio::test]
async fn valid_token_of_every_default_algorithm_is_accepted() {
    let scene = Scene::start().await;
    for key in &scene.keys {
        let claims = scene.verifier.verify(&key.sign(&key.header(), &scene.claims())).await.unwrap();
        assert_eq!(claims.issuer(), scene.provider.url, "{}", key.algorithm);
        assert_eq!((claims.kind(), claims.subject(), claims.client_id()), (SubjectKind::Human, "alice", Some("app")));
        assert_eq!(claims.scopes(), &BTreeSet::from(["users:read".to_owned(), "profile:read".to_owned()]));
        assert_eq!(claims.roles(), &BTreeSet::from(["auditor".to_owned()]));
        assert_eq!(claims.profile().display_name, Some("Alice"));
        assert_eq!(claims.expires_at().timestamp(), NOW + 300);
        assert_eq!(claims.issued_at().unwrap().timestamp(), NOW);
        assert!(!claims.is_first_party() && !claims.are_scopes_unused());
    }
}

#[tokio::test]
async fn claims_are_interpreted_by_the_settings() {
    let scene = Scene::with(|settings| {
        settings.scope_mode = ScopeMode::RolesOnly;
        settings.scope_prefix = "api/".to_owned();
        settings.mapping.roles = vec!["/realm_access/roles".parse().unwrap()];
    })
    .await;
    let mut claims = scene.claims_with("scope", json!("api/users:read openid"));
    claims["client_id"] = json!("first-party");
    claims["realm_access"] = json!({ "roles": ["member"] });
    let claims = scene.verifier.verify(&scene.token(&claims)).await.unwrap();
    assert!(claims.is_first_party() && claims.are_scopes_unused());
    assert_eq!(claims.scopes(), &BTreeSet::from(["users:read".to_owned()]));
    assert_eq!(claims.roles(), &BTreeSet::from(["member".to_owned()]));
}

#[tokio::test]
async fn service_account_is_identified_by_its_client_id() {
    let scene = Scene::start().await;
    for claims in [scene.claims_with("sub", json!("app")), scene.claims_without("sub")] {
        let claims = scene.verifier.verify(&scene.token(&claims)).await.unwrap();
        assert_eq!((claims.kind(), claims.subject()), (SubjectKind::Machine, "app"));
    }
}

#[tokio::test]
async fn unusable_roles_and_scopes_are_ignored() {
    let scene = Scene::start().await;
    let mut claims = scene.claims_with("scope", json!(7));
    claims["roles"] = json!([7]);
    let claims = scene.verifier.verify(&scene.token(&claims)).await.unwrap();
    assert!(claims.scopes().is_empty() && claims.roles().is_empty());
}

#[tokio::test]
async fn token_with_an_invalid_claim_is_rejected() {
    let scene = Scene::start().await;
    let wrong = [
        ("iss", json!("https://other.example"), Rejection::UnknownIssuer),
        ("iss", json!(format!("{}/", scene.provider.url)), Rejection::UnknownIssuer),
        ("iss", json!([scene.provider.url]), Rejection::UnknownIssuer),
        ("iss", json!(null), Rejection::UnknownIssuer),
        ("aud", json!("https://api.example.com.evil"), Rejection::WrongAudience),
        ("aud", json!([]), Rejection::WrongAudience),
        ("exp", json!(NOW - 30), Rejection::Expired),
        ("exp", json!((NOW + 300).to_string()), Rejection::MalformedTime),
        ("exp", json!(null), Rejection::MalformedTime),
        ("nbf", json!(NOW + 31), Rejection::NotYetValid),
        ("nbf", json!("0"), Rejection::MalformedTime),
        ("iat", json!(NOW + 31), Rejection::IssuedInTheFuture),
        ("iat", json!({}), Rejection::MalformedTime),
        ("typ", json!("ID"), Rejection::NotAnAccessToken),
        ("token_use", json!("id"), Rejection::NotAnAccessToken),
        ("cnf", json!({ "x5t#S256": "a" }), Rejection::SenderConstrained),
        ("sub", json!(""), Rejection::BadSubject),
        ("sub", json!("a\u{0}b"), Rejection::BadSubject),
        ("client_id", json!(1), Rejection::BadClient),
    ];
    for (name, value, reason) in wrong {
        let claims = scene.claims_with(name, value);
        assert_eq!(scene.refusal_of_claims(&claims).await, reason, "{claims}");
    }
    let missing = [("iss", Rejection::UnknownIssuer), ("aud", Rejection::WrongAudience), ("exp", Rejection::NoExpiry)];
    for (name, reason) in missing {
        assert_eq!(scene.refusal_of_claims(&scene.claims_without(name)).await, reason, "{name}");
    }
}

#[tokio::test]
async fn token_with_an_invalid_header_is_rejected() {
    let scene = Scene::start().await;
    let with = |name: &str, value: Value| {
        let mut header = scene.es256().header();
        header[name] = value;
        header
    };
    let wrong = [
        (with("alg", json!("none")), Rejection::AlgorithmNotAllowed),
        (with("alg", json!("HS256")), Rejection::AlgorithmNotAllowed),
        (with("alg", json!("RS512")), Rejection::AlgorithmNotAllowed),
        (with("alg", json!("ES384")), Rejection::KeyMismatch),
        (with("alg", json!(null)), Rejection::MalformedHeader),
        (with("kid", json!("ES384")), Rejection::KeyMismatch),
        (with("kid", json!("es256")), Rejection::UnknownKey),
        (with("kid", json!("../../etc/passwd")), Rejection::UnknownKey),
        (with("kid", json!(1)), Rejection::MalformedHeader),
        (with("typ", json!("logout+jwt")), Rejection::WrongType),
        (with("crit", json!(["exp"])), Rejection::UnsupportedExtension),
        (with("b64", json!(false)), Rejection::UnsupportedExtension),
        (with("zip", json!("DEF")), Rejection::UnsupportedExtension),
        (with("enc", json!("A256GCM")), Rejection::UnsupportedExtension),
    ];
    for (header, reason) in wrong {
        assert_eq!(scene.refusal_of_header(&header).await, reason, "{header}");
    }
}

#[tokio::test]
async fn key_in_the_header_is_never_used() {
    let scene = Scene::start().await;
    let foreign = SigningKey::generate(Algorithm::Es256, "ES256");
    let mut header = foreign.header();
    header["jwk"] = foreign.public_jwk();
    header["jku"] = json!(format!("{}/evil", scene.provider.url));
    header["x5u"] = header["jku"].clone();
    assert_eq!(scene.refusal(&foreign.sign(&header, &scene.claims())).await, Rejection::BadSignature);
    assert_eq!(scene.provider.asked("/evil"), 0);
}

#[tokio::test]
async fn header_without_key_id_selects_the_only_matching_key() {
    let scene = Scene::start().await;
    let header = json!({ "alg": "ES256" });
    assert!(scene.verifier.verify(&scene.es256().sign(&header, &scene.claims())).await.is_ok());
}

#[tokio::test]
async fn signature_by_another_key_or_in_another_form_is_rejected() {
    let scene = Scene::start().await;
    let foreign = [
        SigningKey::foreign_rsa(Algorithm::Rs256, "RS256"),
        SigningKey::foreign_rsa(Algorithm::Ps256, "PS256"),
        SigningKey::generate(Algorithm::Es256, "ES256"),
        SigningKey::generate(Algorithm::Es384, "ES384"),
        SigningKey::generate(Algorithm::EdDsa, "EdDSA"),
    ];
    for key in foreign {
        let token = key.sign(&key.header(), &scene.claims());
        assert_eq!(scene.refusal(&token).await, Rejection::BadSignature, "{}", key.algorithm);
    }
    for key in &scene.keys {
        let token = key.sign(&key.header(), &scene.claims());
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let longer = [&signature[..], &[0]].concat();
        let zero = vec![0; signature.len()];
        let der = [&[0x30, 0x44, 0x02, 0x20][..], &signature].concat();
        for forged in [&[][..], &signature[1..], &longer, &zero, &der] {
            let token = format!("{text}.{}", base64url::encode(forged));
            assert_eq!(scene.refusal(&token).await, Rejection::BadSignature, "{}", key.algorithm);
        }
    }
}

#[tokio::test]
async fn ambiguous_or_non_canonical_text_is_rejected() {
    let scene = Scene::start().await;
    let (key, claims) = (scene.es256(), scene.claims().to_string());
    let header = key.header().to_string();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let sign = |header: &str, claims: &str| key.sign_texts(header.as_bytes(), claims.as_bytes());
    let malformed = [
        (sign(&twice(&header, r#""alg":"none""#), &claims), Rejection::MalformedHeader),
        (sign(&header, &twice(&claims, r#""sub":"bob""#)), Rejection::MalformedClaims),
        (sign(&header, &twice(&claims, r#""x":{"a":1,"a":2}"#)), Rejection::MalformedClaims),
        (sign(&header, &format!("{claims}{{}}")), Rejection::MalformedClaims),
        (sign(&format!("[{header}]"), &claims), Rejection::MalformedHeader),
        (sign(&header, "\u{feff}{}"), Rejection::MalformedClaims),
    ];
    for (token, reason) in malformed {
        assert_eq!(scene.refusal(&token).await, reason);
    }
    let token = scene.token(&scene.claims());
    let padded = token.replacen('.', "=.", 1);
    assert_eq!(scene.refusal(&padded).await, Rejection::BadEncoding);
    assert_eq!(scene.refusal(&format!("{token}=")).await, Rejection::BadEncoding);
    assert_eq!(scene.refusal(&format!(" {token}")).await, Rejection::BadEncoding);
    assert_eq!(scene.refusal(&format!("{token}.AA.AA")).await, Rejection::NotASignedJwt);
    assert_eq!(scene.refusal(&"a".repeat(TokenVerifier::MAX_TOKEN_BYTES + 1)).await, Rejection::TooLong);
}

#[tokio::test]
async fn keys_are_fetched_only_for_a_token_that_passes_all_other_checks() {
    let scene = Scene::start().await;
    scene.verifier.verify(&scene.token(&scene.claims())).await.unwrap();
    scene.clock.advance(Duration::from_secs(31));
    let header = json!({ "alg": "ES256", "kid": "unknown" });
    let expired = scene.claims_with("exp", json!(NOW));
    let wrong = [
        scene.claims_with("iss", json!("https://other.example")),
        scene.claims_with("aud", json!("other")),
        scene.claims_with("nbf", json!(NOW + 100)),
        scene.claims_with("nonce", json!("n")),
        scene.claims_with("sub", json!("")),
        expired,
    ];
    for claims in wrong {
        assert_ne!(scene.refusal(&scene.es256().sign(&header, &claims)).await, Rejection::UnknownKey, "{claims}");
    }
    assert_eq!(scene.provider.asked("/jwks"), 1);
    assert_eq!(scene.refusal_of_header(&header).await, Rejection::UnknownKey);
    assert_eq!(scene.provider.asked("/jwks"), 2);
}

#[tokio::test]
async fn unavailable_keys_are_reported_as_our_outage() {
    let (provider, clock) = (ScriptedProvider::start().await, clock());
    let key_set = provider.key_set(&Arc::<MemoryStore>::default(), &clock);
    let verifier = TokenVerifier::new(
        TrustedIssuers::new([(provider.settings(), key_set)], introspection_client(&clock)),
        clock.clone(),
    );
    let key = SigningKey::generate(Algorithm::Es256, "a");
    let claims = json!({ "iss": provider.url, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300 });
    let rejection = verifier.verify(&key.sign(&key.header(), &claims)).await.unwrap_err();
    assert_eq!(rejection, Rejection::KeysUnavailable);
    assert!(rejection.is_our_outage() && !Rejection::UnknownKey.is_our_outage());
}

#[test]
fn arbitrary_text_is_rejected_without_a_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::start());
    let header = base64url::encode(scene.es256().header().to_string());
    let texts = prop_oneof![
        any::<Vec<u8>>().prop_map(|octets| String::from_utf8_lossy(&octets).into_owned()),
        "[A-Za-z0-9_=-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}",
        any::<Vec<u8>>().prop_map(move |octets| format!("{header}.{}.AA", base64url::encode(octets))),
        any::<Vec<u8>>().prop_map(|octets| format!("{}.e30.AA", base64url::encode(octets))),
    ];
    let accepted = |text: String| runtime.block_on(scene.verifier.verify(&text)).is_ok();
    TestRunner::default()
        .run(&texts, |text| {
            prop_assert!(!accepted(text));
            Ok(())
        })
        .unwrap();
}

/// A change to a valid token.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Swap(usize, usize),
    None,
}

fn changes() -> impl Strategy<Value = Change> {
    let character = prop_oneof![9 => proptest::char::ranges(vec!['a'..='z', 'A'..='Z', '0'..='9'].into()), 1 => "[-_.=+/ ]".prop_map(|text| text.chars().next().unwrap())];
    let at = 0..10_000_usize;
    prop_oneof![
        8 => (at.clone(), character.clone()).prop_map(|(at, character)| Change::Replace(at, character)),
        2 => (at.clone(), character).prop_map(|(at, character)| Change::Insert(at, character)),
        2 => at.clone().prop_map(Change::Remove),
        2 => (at.clone(), at).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => Just(Change::None),
    ]
}

fn changed(token: &str, change: &Change) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let length = characters.len();
    match *change {
        Change::Replace(at, character) => characters[at % length] = character,
        Change::Insert(at, character) => characters.insert(at % (length + 1), character),
        Change::Remove(at) => drop(characters.remove(at % length)),
        Change::Swap(a, b) => characters.swap(a % length, b % length),
        Change::None => {}
    }
    characters.into_iter().collect()
}

/// Whether jsonwebtoken accepts the signature.
fn jsonwebtoken_accepts(token: &str, key: &SigningKey) -> bool {
    let jwk = serde_json::from_value(key.public_jwk()).unwrap();
    let algorithm = key.algorithm.name().parse().unwrap();
    let Some((text, signature)) = token.rsplit_once('.') else { return false };
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    jsonwebtoken::crypto::verify(signature, text.as_bytes(), &key, algorithm).unwrap_or(false)
}

#[test]
fn signature_that_jsonwebtoken_rejects_is_never_accepted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::start());
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = scene.key(algorithm);
        let token = key.sign(&key.header(), &scene.claims());
        let accepts = |token: &str| runtime.block_on(scene.verifier.verify(token)).is_ok();
        assert!(accepts(&token) && jsonwebtoken_accepts(&token, key));
        TestRunner::new(Config::with_cases(500))
            .run(&changes(), |change| {
                let changed = changed(&token, &change);
                prop_assert!(!accepts(&changed) || jsonwebtoken_accepts(&changed, key));
                // These signatures have one encoding, and every other character is signed.
                prop_assert_eq!(accepts(&changed), changed == token);
                Ok(())
            })
            .unwrap();
    }
}

/// Covers every type that holds token content, during and after verification.
#[test]
fn debug_output_contains_no_token_content() {
    use crate::oidc::{Preset, Profile};

    const MARK: &str = "marked";
    let token = format!("{0}.{0}.{0}", base64url::encode(MARK));
    let members = json!({ "alg": "ES256", "kid": MARK, "sub": MARK, "name": MARK, "email": MARK, "scope": MARK });
    let claims = Object::of(&members);
    let unverified = UnverifiedToken::split(&token).unwrap();
    let payload = unverified.payload().unwrap();
    let header = UnverifiedHeader::read(claims.clone()).unwrap();
    let subject = Subject::read(&claims, &Preset::Generic.mapping()).unwrap();
    let profile = Profile { display_name: Some(MARK), email: Some(MARK), ..Profile::default() };
    let verified = Claims::for_test("https://issuer.test", SubjectKind::Human, MARK, clock().now())
        .with_roles(&[MARK])
        .with_profile(profile);
    let shown = format!("{unverified:?} {payload:?} {claims:?} {header:?} {subject:?} {verified:?} {profile:?}");
    assert!(!shown.contains(MARK) && !shown.contains(&base64url::encode(MARK)), "{shown}");
}
