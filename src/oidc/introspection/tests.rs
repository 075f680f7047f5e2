use std::time::Duration;

use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::assertion_key::UnusableKey;
use super::*;
use crate::oidc::base64url;
use crate::oidc::strict_json::Json;
use crate::oidc::testing::{MemoryStore, NOW, ScriptedProvider, SigningKey, clock, introspection_client};

const ENDPOINT: &str = "/introspect";
const CLIENT: &str = "https://api.example.com";
const SECRET: &str = "p:ss wörd";

/// An issuer that can be asked, and whoever asks it.
struct Scene {
    provider: ScriptedProvider,
    key: SigningKey,
    clock: Clock,
    introspector: Introspector,
}

impl Scene {
    async fn start() -> Self {
        Self::with(ClientCredential::SecretBasic(SECRET.into())).await
    }

    async fn with(credential: ClientCredential) -> Self {
        let (provider, clock) = (ScriptedProvider::start().await, clock());
        let key = SigningKey::generate(Algorithm::Es256, "a");
        provider.publish(&[&key]);
        let url = Some(format!("{}{ENDPOINT}", provider.url).parse().unwrap());
        let introspection = IntrospectionSettings {
            url,
            client_id: CLIENT.into(),
            credential,
            opaque: true,
            always: false,
            trust_active: false,
        };
        let settings = IssuerSettings { introspection: Some(introspection), ..provider.settings() };
        let keys = provider.key_set(&Arc::<MemoryStore>::default(), &clock);
        let introspector = introspection_client(&clock).introspector(&settings, &keys).unwrap();
        Self { provider, key, clock, introspector }
    }

    fn answer(&self, body: &Value) {
        self.answer_as("application/json", &body.to_string());
    }

    fn answer_as(&self, media_type: &str, body: &str) {
        let head = format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-type: {media_type}\r\n\r\n");
        self.provider.answer_raw(ENDPOINT, head + body);
    }

    fn asked(&self) -> usize {
        self.provider.asked(ENDPOINT)
    }

    /// A signed answer about an active token, made wrong by `spoil`, which is given header and claims.
    fn signed(&self, spoil: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = self.key.header();
        header["typ"] = json!("token-introspection+jwt");
        let mut claims = json!({
            "iss": self.provider.url, "aud": CLIENT, "iat": NOW, "token_introspection": active(NOW + 300),
        });
        spoil(&mut header, &mut claims);
        self.key.sign(&header, &claims)
    }
}

fn active(expires_at: i64) -> Value {
    json!({ "active": true, "exp": expires_at, "sub": "alice" })
}

fn form_of(request: &str) -> Vec<(String, String)> {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn an_active_token_gives_its_claims() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    assert_eq!(
        serde_json::to_value(&*scene.introspector.ask("opaque").await.unwrap()).unwrap(),
        json!({ "exp": NOW + 300, "sub": "alice" })
    );
}

#[tokio::test]
async fn a_token_is_asked_about_as_an_access_token_by_a_client_with_its_secret() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque/+=").await.unwrap();
    let request = scene.provider.latest_request(ENDPOINT);
    let form = form_of(&request);
    assert_eq!((field(&form, "token"), field(&form, "token_type_hint")), (Some("opaque/+="), Some("access_token")));
    // Each part is form-encoded before the two are joined (RFC 6749 section 2.3.1).
    let pair = "https%3A%2F%2Fapi.example.com:p%3Ass+w%C3%B6rd";
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
    assert!(request.contains(&format!("authorization: Basic {basic}\r\n")), "{request}");
    assert_eq!(field(&form, "client_secret"), None);
}

#[tokio::test]
async fn the_secret_can_be_in_the_form() {
    let scene = Scene::with(ClientCredential::SecretPost(SECRET.into())).await;
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque").await.unwrap();
    let request = scene.provider.latest_request(ENDPOINT);
    let form = form_of(&request);
    assert_eq!((field(&form, "client_id"), field(&form, "client_secret")), (Some(CLIENT), Some(SECRET)));
    assert!(!request.contains("authorization:"));
}

/// Made by `openssl genpkey -algorithm ed25519` for this test alone.
const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHtKlPPJ4cpZvFLTjS6vIGNr0dLdxwYuV6vjkD6ZfPkD\n-----END PRIVATE KEY-----\n";

#[tokio::test]
async fn the_client_can_prove_itself_by_a_key() {
    let key = AssertionKey::from_pem(ED25519_PEM, Some("k1".into())).unwrap();
    let scene = Scene::with(ClientCredential::PrivateKey(key)).await;
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque").await.unwrap();
    let form = form_of(&scene.provider.latest_request(ENDPOINT));
    assert_eq!(field(&form, "client_assertion_type"), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    let assertion = field(&form, "client_assertion").unwrap();
    let segments: Vec<Value> = assertion
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(segments[0], json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1" }));
    let claims = &segments[1];
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!(CLIENT), &json!(CLIENT), &json!(scene.provider.url))
    );
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));
}

#[test]
fn only_a_private_key_of_a_known_kind_signs_assertions() {
    for text in [
        "",
        "secret",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ] {
        assert_eq!(AssertionKey::from_pem(text, None).unwrap_err(), UnusableKey, "{text}");
    }
}

#[test]
fn nothing_secret_is_in_debug_output() {
    let key = AssertionKey::from_pem(ED25519_PEM, None).unwrap();
    let credentials = [
        ClientCredential::SecretBasic(SECRET.into()),
        ClientCredential::SecretPost(SecretString::from(SECRET)),
        ClientCredential::PrivateKey(key),
    ];
    for credential in credentials {
        let shown = format!("{credential:?}");
        assert!(!shown.contains(SECRET) && shown.len() < 100, "{shown}");
    }
}

#[tokio::test]
async fn an_answer_is_remembered_for_a_minute_and_a_refusal_for_ten_seconds() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    for _ in 0..3 {
        scene.introspector.ask("good").await.unwrap();
    }
    assert_eq!(scene.asked(), 1);
    scene.answer(&json!({ "active": false }));
    assert_eq!(scene.introspector.ask("bad").await.unwrap_err(), Rejection::NotActive);
    scene.clock.advance(Duration::from_secs(9));
    assert_eq!(scene.introspector.ask("bad").await.unwrap_err(), Rejection::NotActive);
    assert_eq!(scene.asked(), 2);
    scene.answer(&active(NOW + 300));
    scene.clock.advance(Duration::from_secs(1));
    scene.introspector.ask("bad").await.unwrap();
    assert_eq!(scene.asked(), 3);
    // The first token, active for a minute and revoked since.
    scene.answer(&json!({ "active": false }));
    scene.clock.advance(Duration::from_secs(49));
    scene.introspector.ask("good").await.unwrap();
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.introspector.ask("good").await.unwrap_err(), Rejection::NotActive);
}

#[tokio::test]
async fn an_answer_is_not_remembered_past_the_expiry_of_the_token() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 5));
    scene.introspector.ask("short").await.unwrap();
    scene.clock.advance(Duration::from_secs(5));
    scene.answer(&json!({ "active": false }));
    assert_eq!(scene.introspector.ask("short").await.unwrap_err(), Rejection::NotActive);
}

#[tokio::test]
async fn one_token_is_asked_about_once_however_many_come_with_it() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    let gate = scene.provider.hold();
    let asking = join_all((0..50).map(|_| scene.introspector.ask("same")));
    let (answers, ()) = tokio::join!(asking, async { gate.add_permits(50) });
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn at_most_32_questions_are_open() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    let gate = scene.provider.hold();
    let tokens: Vec<String> = (0..100).map(|number| format!("token-{number}")).collect();
    let asking = join_all(tokens.iter().map(|token| scene.introspector.ask(token)));
    let counting = async {
        // Nothing is answered until 32 have come; whoever is let in by an answer comes after it.
        while scene.asked() < 32 {
            tokio::task::yield_now().await;
        }
        assert_eq!(scene.introspector.in_flight.available_permits(), 0);
        // More than the questions, as the keys are fetched meanwhile.
        gate.add_permits(200);
    };
    let (answers, ()) = tokio::join!(asking, counting);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(scene.asked(), 100);
}

#[tokio::test]
async fn anything_but_a_clean_answer_leaves_the_token_unjudged_and_is_not_remembered() {
    let scene = Scene::start().await;
    let good = active(NOW + 300).to_string();
    let duplicate = good.replacen('{', r#"{"active":true,"#, 1);
    let bad: &[(&str, &str)] = &[
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", "{}"),
        ("application/json", r#"{"active":"true"}"#),
        ("application/json", r#"{"active":1}"#),
        ("application/json", &duplicate),
        ("text/html", &good),
        ("", &good),
        ("application/jwt", &good),
        ("application/token-introspection+jwt", &good),
    ];
    for (media_type, body) in bad {
        scene.answer_as(media_type, body);
        assert_eq!(
            scene.introspector.ask("opaque").await.unwrap_err(),
            Rejection::IntrospectionUnavailable,
            "{media_type} {body}"
        );
    }
    for status in [201, 204, 302, 400, 401, 403, 404, 429, 500, 503] {
        scene.provider.answer(ENDPOINT, status, &good);
        assert_eq!(
            scene.introspector.ask("opaque").await.unwrap_err(),
            Rejection::IntrospectionUnavailable,
            "{status}"
        );
    }
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque").await.unwrap();
}

#[tokio::test]
async fn a_signed_answer_counts_when_its_signature_and_addressee_are_right() {
    let scene = Scene::start().await;
    scene.answer_as("application/token-introspection+jwt", &scene.signed(|_, _| {}));
    let answer = scene.introspector.ask("good").await.unwrap();
    assert_eq!(answer.get("sub").and_then(Json::as_str), Some("alice"));

    let foreign = SigningKey::generate(Algorithm::Es256, "a");
    let (header, claims) = (json!({ "alg": "ES256", "kid": "a", "typ": "token-introspection+jwt" }), json!({}));
    let spoiled = [
        ("type", scene.signed(|header, _| header["typ"] = json!("at+jwt"))),
        ("no type", scene.signed(|header, _| drop(header.as_object_mut().unwrap().remove("typ")))),
        ("algorithm", scene.signed(|header, _| header["alg"] = json!("HS256"))),
        ("key", scene.signed(|header, _| header["kid"] = json!("b"))),
        ("signature", foreign.sign(&header, &claims)),
        ("issuer", scene.signed(|_, claims| claims["iss"] = json!("https://other.example.com"))),
        ("audience", scene.signed(|_, claims| claims["aud"] = json!("another-client"))),
        ("too old", scene.signed(|_, claims| claims["iat"] = json!(NOW - 61))),
        ("to come", scene.signed(|_, claims| claims["iat"] = json!(NOW + 61))),
        ("no time", scene.signed(|_, claims| drop(claims.as_object_mut().unwrap().remove("iat")))),
        ("no answer", scene.signed(|_, claims| claims["token_introspection"] = json!(true))),
    ];
    for (what, answer) in spoiled {
        scene.answer_as("application/token-introspection+jwt", &answer);
        assert_eq!(scene.introspector.ask("bad").await.unwrap_err(), Rejection::IntrospectionUnavailable, "{what}");
    }
}
