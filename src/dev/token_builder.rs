//! Access tokens, right by default, each method changing one thing.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::directory::{self, Person, SESSION_CLIENT, SPA_CLIENT};
use super::key_ring::KeyRing;
use super::provider::Provider;
use super::signing_key::{Algorithm, SigningKey};

/// How long access tokens and ID tokens live.
pub(super) const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// The claims that describe a person, and that a program's token does not have.
const PROFILE_CLAIMS: [&str; 7] =
    ["name", "given_name", "family_name", "preferred_username", "email", "email_verified", "locale"];

/// A JWT access token (RFC 9068) in the making: for alice through the single-page app, with every scope of the API, signed with RS256
/// and good for five minutes, but for what is changed here.
///
/// Nothing is checked: the issuer signs whatever a test wants to see refused.
#[derive(Clone)]
#[must_use = "a token is made by `sign`"]
pub struct TokenBuilder {
    keys: KeyRing,
    now: DateTime<Utc>,
    algorithm: Algorithm,
    foreign_key: Option<SigningKey>,
    claims: Map<String, Value>,
    header_changes: Vec<(String, Option<Value>)>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
}

impl TokenBuilder {
    pub(super) fn new(provider: &Provider) -> Self {
        let now = provider.clock.now();
        let blank = Self {
            keys: provider.keys.clone(),
            now,
            algorithm: Algorithm::Rs256,
            foreign_key: None,
            claims: Map::new(),
            header_changes: Vec::new(),
            raw_header: None,
            raw_payload: None,
        };
        blank
            .issuer(provider.issuer.as_str())
            .audience(provider.audience.as_str())
            .client(SPA_CLIENT)
            .subject(directory::ALICE.login)
            .scope(provider.api_scopes.join(" "))
            .claim("jti", Uuid::now_v7().to_string())
            .issued_at(now)
            .expires_in(TOKEN_LIFETIME.num_seconds())
    }

    /// A logout token that names nobody yet.
    pub(super) fn logout(provider: &Provider) -> Self {
        let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        let token = Self::new(provider).audience(SESSION_CLIENT).claim("events", events).header("typ", "logout+jwt");
        PROFILE_CLAIMS.into_iter().chain(["sub", "scope", "client_id"]).fold(token, Self::without)
    }

    /// For this person. One whom the issuer does not know (alice and bob are known) has no name and no e-mail address.
    pub fn subject(mut self, subject: &str) -> Self {
        for claim in PROFILE_CLAIMS {
            self.claims.remove(claim);
        }
        if let Some(person) = directory::find_person(subject) {
            self.describe(person);
        }
        self.claim("sub", subject)
    }

    /// For a program acting for itself: subject and client are the same, and nobody is described (RFC 9068 section 2.2).
    pub fn machine(self, client_id: &str) -> Self {
        self.subject(client_id).client(client_id)
    }

    /// Obtained by this client.
    pub fn client(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// For this audience, or for a list of them.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// With these scopes, separated by spaces.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.claim("scope", scope.into())
    }

    /// Said to be issued by somebody else.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Expires this many seconds from now on the issuer's clock; a negative number is in the past.
    pub fn expires_in(self, seconds: i64) -> Self {
        let expiry = self.now.timestamp().saturating_add(seconds);
        self.claim("exp", expiry)
    }

    /// Said to be issued then.
    pub fn issued_at(self, time: DateTime<Utc>) -> Self {
        self.claim("iat", time.timestamp())
    }

    /// Not to be accepted before then.
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        self.claim("nbf", time.timestamp())
    }

    /// With this claim, whatever its type.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// With this header parameter, whatever its type. It changes what the header says, not how the token is signed.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header_changes.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Without this header parameter.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header_changes.push((name.to_owned(), None));
        self
    }

    /// Said to be signed with the key of this id.
    pub fn kid(self, id: &str) -> Self {
        self.header("kid", id)
    }

    /// Signed with the issuer's current key for this algorithm.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Signed with a key that need not be the issuer's. The header names that key and its algorithm.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.foreign_key = Some(key.clone());
        self
    }

    /// With this text as its header, as it stands: for what a JSON value cannot hold, such as a member that is there twice.
    pub fn raw_header(mut self, json: &str) -> Self {
        self.raw_header = Some(json.to_owned());
        self
    }

    /// With this text as its payload, as it stands.
    pub fn raw_payload(mut self, json: &str) -> Self {
        self.raw_payload = Some(json.to_owned());
        self
    }

    /// The token, in compact serialisation (RFC 7515 section 7.1).
    pub fn sign(self) -> String {
        let key = self.foreign_key.clone().unwrap_or_else(|| self.keys.current(self.algorithm));
        let header = BASE64_URL_SAFE_NO_PAD.encode(self.header_text(&key));
        let payload = BASE64_URL_SAFE_NO_PAD.encode(self.payload_text());
        let signing_input = format!("{header}.{payload}");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }

    fn header_text(&self, key: &SigningKey) -> String {
        if let Some(text) = &self.raw_header {
            return text.clone();
        }
        let mut header = Map::new();
        header.insert("typ".to_owned(), json!("at+jwt"));
        header.insert("alg".to_owned(), json!(key.algorithm().name()));
        header.insert("kid".to_owned(), json!(key.id()));
        for (name, change) in &self.header_changes {
            match change {
                Some(value) => header.insert(name.clone(), value.clone()),
                None => header.remove(name),
            };
        }
        Value::Object(header).to_string()
    }

    fn payload_text(&self) -> String {
        self.raw_payload.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string())
    }

    fn describe(&mut self, person: &Person) {
        let profile = json!({
            "name": person.name(),
            "given_name": person.given_name,
            "family_name": person.family_name,
            "preferred_username": person.login,
            "email": person.email,
            "email_verified": true,
            "locale": person.locale,
        });
        if let Value::Object(claims) = profile {
            self.claims.extend(claims);
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

    use super::*;
    use crate::Clock;

    fn provider() -> Provider {
        Provider::new(
            "http://127.0.0.1:1".to_owned(),
            "audience".to_owned(),
            vec!["notes:read".to_owned()],
            Clock::system(),
        )
        .unwrap()
    }

    #[test]
    fn by_default_another_library_accepts_the_token_for_every_algorithm() {
        let provider = provider();
        let published: JwkSet = serde_json::from_value(provider.keys.document()).unwrap();
        for algorithm in Algorithm::ALL {
            let token = TokenBuilder::new(&provider).algorithm(algorithm).sign();
            let header = decode_header(&token).unwrap();
            assert_eq!(header.typ.as_deref(), Some("at+jwt"));
            let key = DecodingKey::from_jwk(published.find(&header.kid.unwrap()).unwrap()).unwrap();
            let mut rules = Validation::new(algorithm.name().parse().unwrap());
            rules.set_audience(&["audience"]);
            rules.set_issuer(&["http://127.0.0.1:1"]);
            let claims = decode::<Value>(&token, &key, &rules).unwrap().claims;
            assert_eq!(claims["sub"], "alice");
            assert_eq!(claims["scope"], "notes:read");
            assert_eq!(claims["email"], "alice@example.test");
        }
    }

    fn parts(token: &str) -> (String, String) {
        let mut decoded = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut text = || String::from_utf8(decoded.next().unwrap()).unwrap();
        (text(), text())
    }

    #[test]
    fn each_change_shows_in_the_token_and_the_rest_stays() {
        let token = TokenBuilder::new(&provider())
            .machine("reporter")
            .audience(vec!["one", "two"])
            .claim("nonce", "n")
            .without("jti")
            .header("crit", json!(["exp"]))
            .without_header("typ")
            .kid("elsewhere")
            .sign();
        let (header, payload) = parts(&token);
        assert_eq!(
            serde_json::from_str::<Value>(&header).unwrap(),
            json!({ "alg": "RS256", "kid": "elsewhere", "crit": ["exp"] })
        );
        let payload: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["sub"], "reporter");
        assert_eq!(payload["client_id"], "reporter");
        assert_eq!(payload["aud"], json!(["one", "two"]));
        assert_eq!(payload["iss"], "http://127.0.0.1:1");
        assert_eq!((payload.get("jti"), payload.get("name")), (None, None));
    }

    #[test]
    fn raw_text_is_signed_as_it_stands() {
        let token = TokenBuilder::new(&provider()).raw_header("{ }").raw_payload(r#"{"a":1,"a":2}"#).sign();
        assert_eq!(parts(&token), ("{ }".to_owned(), r#"{"a":1,"a":2}"#.to_owned()));
    }

    #[test]
    fn a_foreign_key_is_named_by_the_header_but_not_published() {
        let provider = provider();
        let key = SigningKey::generate(Algorithm::Es256);
        let header = decode_header(TokenBuilder::new(&provider).signed_by(&key).sign()).unwrap();
        assert_eq!(header.kid.as_deref(), Some(key.id()));
        assert!(!provider.keys.document().to_string().contains(key.id()));
    }
}
