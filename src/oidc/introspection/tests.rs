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
            opaque_prefix: String::new(),
            always: false,
            requires_audience: true,
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
        serde_json::to_value(&*scene.introspector.ask("opaque", None).await.unwrap()).unwrap(),
        json!({ "exp": NOW + 300, "sub": "alice" })
    );
}

#[tokio::test]
async fn a_token_is_asked_about_as_an_access_token_by_a_client_with_its_secret() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque/+=", None).await.unwrap();
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
    scene.introspector.ask("opaque", None).await.unwrap();
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
    scene.introspector.ask("opaque", None).await.unwrap();
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
        scene.introspector.ask("good", None).await.unwrap();
    }
    assert_eq!(scene.asked(), 1);
    scene.answer(&json!({ "active": false }));
    assert_eq!(scene.introspector.ask("bad", None).await.unwrap_err(), Rejection::NotActive);
    scene.clock.advance(Duration::from_secs(9));
    assert_eq!(scene.introspector.ask("bad", None).await.unwrap_err(), Rejection::NotActive);
    assert_eq!(scene.asked(), 2);
    scene.answer(&active(NOW + 300));
    scene.clock.advance(Duration::from_secs(1));
    scene.introspector.ask("bad", None).await.unwrap();
    assert_eq!(scene.asked(), 3);
    // The first token, active for a minute and revoked since.
    scene.answer(&json!({ "active": false }));
    scene.clock.advance(Duration::from_secs(49));
    scene.introspector.ask("good", None).await.unwrap();
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.introspector.ask("good", None).await.unwrap_err(), Rejection::NotActive);
}

#[tokio::test]
async fn an_answer_is_not_remembered_past_the_expiry_of_the_token() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 5));
    scene.introspector.ask("short", None).await.unwrap();
    scene.clock.advance(Duration::from_secs(5));
    scene.answer(&json!({ "active": false }));
    assert_eq!(scene.introspector.ask("short", None).await.unwrap_err(), Rejection::NotActive);
}

#[tokio::test]
async fn one_token_is_asked_about_once_however_many_come_with_it() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    let gate = scene.provider.hold();
    let asking = join_all((0..50).map(|_| scene.introspector.ask("same", None)));
    let (answers, ()) = tokio::join!(asking, async { gate.add_permits(50) });
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(scene.asked(), 1);
}

/// Waits until so many questions have come.
async fn until_asked(scene: &Scene, count: usize) {
    while scene.asked() < count {
        tokio::task::yield_now().await;
    }
}

/// The address of a client.
fn address(number: u8) -> Option<IpAddr> {
    Some([192, 0, 2, number].into())
}

fn tokens(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name}-{number}")).collect()
}

/// Asks about each of these tokens, sent from one address each.
fn ask_all<'a>(
    scene: &'a Scene,
    tokens: &'a [String],
    sender: impl Fn(usize) -> Option<IpAddr>,
) -> Vec<BoxFuture<'a, Result<Arc<Object<'static>>, Rejection>>> {
    let ask = |(number, token)| scene.introspector.ask(token, sender(number)).boxed();
    tokens.iter().map(String::as_str).enumerate().map(ask).collect()
}

#[tokio::test]
async fn address_has_a_quarter_of_the_places_and_another_address_is_served_meanwhile() {
    for sender in [address(1), None] {
        let scene = Scene::start().await;
        scene.answer(&active(NOW + 300));
        let gate = scene.provider.hold();
        let flood = tokens("made-up", 100);
        let flood = join_all(ask_all(&scene, &flood, |_| sender));
        let others = async {
            until_asked(&scene, 8).await;
            let good = async { scene.introspector.ask("good", address(2)).await.is_ok() };
            let answer = async {
                until_asked(&scene, 9).await;
                assert_eq!(scene.introspector.places.free(), (16, 7), "eight for the flood and one for the other");
                assert!(scene.provider.latest_request(ENDPOINT).contains("token=good"));
                // More than the questions, as the keys are fetched meanwhile.
                gate.add_permits(200);
            };
            assert!(tokio::join!(good, answer).0);
        };
        let (answers, ()) = tokio::join!(flood, others);
        assert!(answers.iter().all(Result::is_ok), "who waited is asked about in the end");
        assert_eq!((scene.introspector.places.free(), scene.introspector.places.addresses()), ((16, 16), 0));
    }
}

#[tokio::test]
async fn tokens_that_were_active_have_places_that_no_other_token_takes() {
    let scene = Scene::start().await;
    scene.answer(&active(NOW + 300));
    let in_use = tokens("in-use", 20);
    assert!(join_all(ask_all(&scene, &in_use, |_| address(9))).await.iter().all(Result::is_ok));
    // An outage makes nothing unknown.
    scene.clock.advance(Duration::from_secs(61));
    scene.provider.answer(ENDPOINT, 500, "");
    assert!(join_all(ask_all(&scene, &in_use, |_| address(9))).await.iter().all(Result::is_err));
    scene.answer(&active(NOW + 300));

    let before = scene.asked();
    let gate = scene.provider.hold();
    let flood = tokens("made-up", 100);
    let flood = join_all(ask_all(&scene, &flood, |number| address(u8::try_from(number).unwrap())));
    let in_use = async {
        until_asked(&scene, before + 16).await;
        let answers = join_all(ask_all(&scene, &in_use, |_| address(9)));
        let answer = async {
            until_asked(&scene, before + 32).await;
            assert_eq!(scene.introspector.places.free(), (0, 0), "sixteen each, and all 32 taken");
            gate.add_permits(300);
        };
        tokio::join!(answers, answer).0
    };
    let (flood, in_use) = tokio::join!(flood, in_use);
    assert!(flood.iter().chain(&in_use).all(Result::is_ok));
}

impl Scene {
    /// A provider that answers nobody, and is given up on soon.
    async fn hung() -> (Self, Arc<tokio::sync::Semaphore>) {
        let mut scene = Self::start().await;
        scene.introspector.limit = Duration::from_millis(200);
        let gate = scene.provider.hold();
        (scene, gate)
    }
}

#[tokio::test]
async fn hung_issuer_is_asked_once_about_a_token_and_all_who_wait_share_the_failure() {
    let (scene, _gate) = Scene::hung().await;
    let asking = join_all((0..50).map(|_| scene.introspector.ask("same", None)));
    assert!(asking.await.into_iter().all(|answer| answer == Err(Rejection::IntrospectionUnavailable)));
    assert_eq!(scene.asked(), 1);
    assert!(scene.introspector.ask("same", None).await.is_err());
    assert_eq!(scene.asked(), 2, "who comes later is not answered by it");
}

#[tokio::test]
async fn question_that_fails_is_not_asked_again_for_those_who_waited() {
    let scene = Scene::start().await;
    scene.provider.answer(ENDPOINT, 500, "");
    let gate = scene.provider.hold();
    let asking = join_all((0..50).map(|_| scene.introspector.ask("same", None)));
    let failing = async {
        until_asked(&scene, 1).await;
        gate.add_permits(200);
    };
    let (answers, ()) = tokio::join!(asking, failing);
    assert!(answers.into_iter().all(|answer| answer == Err(Rejection::IntrospectionUnavailable)));
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn wait_for_a_place_ends_with_the_time_limit() {
    let (scene, _gate) = Scene::hung().await;
    let held = join_all((0..8).map(|_| scene.introspector.places.take(address(1), false))).await;
    let tokens = tokens("made-up", 50);
    let answers = join_all(ask_all(&scene, &tokens, |_| address(1))).await;
    assert!(answers.into_iter().all(|answer| answer == Err(Rejection::IntrospectionUnavailable)));
    assert_eq!(scene.asked(), 0, "they were given up on in the line");
    drop(held);
    assert_eq!(scene.introspector.places.addresses(), 0);
}

#[tokio::test]
async fn look_up_of_the_endpoint_counts_towards_the_time_limit() {
    let (mut scene, _gate) = Scene::hung().await;
    scene.introspector.settings.url = None;
    let tokens = tokens("made-up", 50);
    let answers = join_all(ask_all(&scene, &tokens, |number| address(u8::try_from(number).unwrap()))).await;
    assert!(answers.into_iter().all(|answer| answer == Err(Rejection::IntrospectionUnavailable)));
    // Once for the endpoint; the other one looks for the keys.
    assert!(scene.provider.asked("/.well-known/openid-configuration") <= 2);
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
            scene.introspector.ask("opaque", None).await.unwrap_err(),
            Rejection::IntrospectionUnavailable,
            "{media_type} {body}"
        );
    }
    for status in [201, 204, 302, 400, 401, 403, 404, 429, 500, 503] {
        scene.provider.answer(ENDPOINT, status, &good);
        assert_eq!(
            scene.introspector.ask("opaque", None).await.unwrap_err(),
            Rejection::IntrospectionUnavailable,
            "{status}"
        );
    }
    scene.answer(&active(NOW + 300));
    scene.introspector.ask("opaque", None).await.unwrap();
}

#[tokio::test]
async fn a_signed_answer_counts_when_its_signature_and_addressee_are_right() {
    let scene = Scene::start().await;
    scene.answer_as("application/token-introspection+jwt", &scene.signed(|_, _| {}));
    let answer = scene.introspector.ask("good", None).await.unwrap();
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
        assert_eq!(
            scene.introspector.ask("bad", None).await.unwrap_err(),
            Rejection::IntrospectionUnavailable,
            "{what}"
        );
    }
}
