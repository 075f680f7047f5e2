//! Shared test fixtures: signing keys, a scripted provider, and an in-memory key set store.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use chrono::DateTime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::{
    ClaimMapping, ClaimPath, IntrospectionClient, IssuerSettings, JitMode, KeySet, KeySetStore, PlainHttp, Preset,
    ProviderClient, ScopeMode, StoreError, StoredKeySet,
};
use crate::Clock;
use crate::jose::{Algorithm, base64url};

/// The time of the test clock.
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const AUDIENCE: &str = "https://api.example.com";

pub(crate) fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(NOW, 0).unwrap())
}

/// Two RSA keys, shared by all tests because their generation is slow.
static RSA: LazyLock<[Arc<RsaKeyPair>; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())));

pub(crate) struct SigningKey {
    pub(crate) key_id: String,
    pub(crate) algorithm: Algorithm,
    private: Private,
}

enum Private {
    Rsa(Arc<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    pub(crate) fn generate(algorithm: Algorithm, key_id: &str) -> Self {
        let ec = |curve| Private::Ec(EcdsaKeyPair::generate(curve).unwrap());
        let private = match algorithm {
            Algorithm::Es256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Es512 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDsa => Private::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => Private::Rsa(Arc::clone(&RSA[0])),
        };
        Self { key_id: key_id.to_owned(), algorithm, private }
    }

    /// An RSA key that is not published.
    pub(crate) fn foreign_rsa(algorithm: Algorithm, key_id: &str) -> Self {
        Self { key_id: key_id.to_owned(), algorithm, private: Private::Rsa(Arc::clone(&RSA[1])) }
    }

    pub(crate) fn public_jwk(&self) -> Value {
        let mut jwk = match &self.private {
            Private::Rsa(pair) => {
                let number = |number: &[u8]| base64url::encode(number);
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({ "kty": "RSA", "n": number(n.big_endian_without_leading_zero()), "e": number(e.big_endian_without_leading_zero()) })
            }
            Private::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at((pair.public_key().as_ref().len() - 1) / 2);
                let curve = match self.algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "crv": curve, "x": base64url::encode(x), "y": base64url::encode(y) })
            }
            Private::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair.public_key()) })
            }
        };
        jwk["alg"] = self.algorithm.name().into();
        jwk["kid"] = self.key_id.clone().into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(crate) fn signature(&self, text: &[u8]) -> Vec<u8> {
        match &self.private {
            Private::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut octets = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), text, &mut octets).unwrap();
                octets
            }
            Private::Ec(pair) => pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec(),
            Private::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm.name(), "kid": self.key_id, "typ": "at+jwt" })
    }

    /// A token of these two texts, which need not be valid JSON, with a valid signature.
    pub(crate) fn sign_texts(&self, header: &[u8], claims: &[u8]) -> String {
        let text = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
        let signature = self.signature(text.as_bytes());
        format!("{text}.{}", base64url::encode(signature))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }
}

pub(crate) fn key_document(keys: &[&SigningKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>() }).to_string()
}

/// Settings of a typical issuer: only the audience and the claim of the roles differ from the defaults.
pub(crate) fn settings(issuer: &str) -> IssuerSettings {
    IssuerSettings {
        issuer: issuer.to_owned(),
        short_name: "test".to_owned(),
        accepted_issuers: Vec::new(),
        tenants: Vec::new(),
        discovery_url: None,
        jwks_url: None,
        static_keys: None,
        audiences: vec![AUDIENCE.to_owned()],
        allowed_clients: BTreeSet::new(),
        algorithms: Algorithm::DEFAULTS.to_vec(),
        requires_at_jwt: false,
        accepts_id_tokens: false,
        mapping: ClaimMapping { roles: vec![ClaimPath::member("roles")], ..Preset::Generic.mapping() },
        requirements: Vec::new(),
        scope_mode: ScopeMode::Intersect,
        scope_prefix: String::new(),
        first_party_clients: ["first-party".to_owned()].into(),
        jit: JitMode::Active,
        introspection: None,
        login: None,
        extra_authorities: None,
        plain_http: PlainHttp { loopback: true, ..PlainHttp::default() },
    }
}

/// The client for introspection requests.
pub(crate) fn introspection_client(clock: &Clock) -> IntrospectionClient {
    IntrospectionClient::new(ProviderClient::new().unwrap(), clock.clone()).unwrap()
}

/// A provider that serves the last scripted response of each path, 404 for other paths, and records requests.
pub(crate) struct ScriptedProvider {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    server: AbortHandle,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
    requests: Vec<String>,
    gate: Option<Arc<Semaphore>>,
}

impl Drop for ScriptedProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ScriptedProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { url, script, server: server.abort_handle() }
    }

    pub(crate) fn answer(&self, path: &str, status: u16, body: &str) {
        self.answer_raw(path, format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n{body}"));
    }

    pub(crate) fn answer_raw(&self, path: &str, answer: impl Into<Vec<u8>>) {
        self.script.lock().unwrap().answers.insert(path.to_owned(), answer.into());
    }

    /// Serves metadata at the well-known path, and these keys.
    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let metadata = json!({ "issuer": self.url, "jwks_uri": format!("{}/jwks", self.url) });
        self.answer("/.well-known/openid-configuration", 200, &metadata.to_string());
        self.answer("/jwks", 200, &key_document(keys));
    }

    /// Makes each further response wait for one permit of the returned semaphore.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.script.lock().unwrap().gate = Some(Arc::clone(&gate));
        gate
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.script.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The latest request to `path`, with head and body.
    pub(super) fn latest_request(&self, path: &str) -> String {
        let script = self.script.lock().unwrap();
        let is_to = |request: &&String| request.split(' ').nth(1) == Some(path);
        script.requests.iter().rfind(is_to).unwrap().clone()
    }

    pub(crate) fn settings(&self) -> IssuerSettings {
        settings(&self.url)
    }

    pub(crate) fn key_set(&self, store: &Arc<MemoryStore>, clock: &Clock) -> KeySet {
        let store: Arc<dyn KeySetStore> = Arc::<MemoryStore>::clone(store);
        KeySet::start(&self.settings(), ProviderClient::new().unwrap(), store, clock.clone())
    }
}

async fn answer(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(octet) = stream.read_u8().await else { return };
        request.push(octet);
    }
    let mut request = String::from_utf8(request).unwrap();
    let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    request.push_str(std::str::from_utf8(&body).unwrap());
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let (answer, gate) = {
        let mut script = script.lock().unwrap();
        script.asked.push(path.clone());
        script.requests.push(request);
        (script.answers.get(&path).cloned(), script.gate.clone())
    };
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    let not_found = || b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_vec();
    let _ = stream.write_all(&answer.unwrap_or_else(not_found)).await;
}

/// A key set store in memory.
#[derive(Default)]
pub(crate) struct MemoryStore(pub(crate) Mutex<HashMap<String, StoredKeySet>>);

impl KeySetStore for MemoryStore {
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        async move { Ok(self.0.lock().unwrap().get(issuer).cloned()) }.boxed()
    }

    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.0.lock().unwrap().insert(issuer.to_owned(), key_set);
            Ok(())
        }
        .boxed()
    }
}
