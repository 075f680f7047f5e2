//! Access tokens that are valid by default. Each method changes one aspect.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::directory::{self, SESSION_CLIENT, SPA_CLIENT, User};
use super::key_ring::KeyRing;
use super::provider::Provider;
use super::signing_key::{Algorithm, SigningKey};

/// The lifetime of access tokens and ID tokens.
pub(super) const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// The claims that describe a user. Tokens of machine clients do not have them.
const PROFILE_CLAIMS: [&str; 7] =
    ["name", "given_name", "family_name", "preferred_username", "email", "email_verified", "locale"];

/// A builder of JWT access tokens (RFC 9068). By default the token is for alice through the single-page app, has every scope of the API, is
/// signed with RS256 and is valid for five minutes.
///
/// Nothing is checked, so that tests can build invalid tokens.
#[derive(Clone)]
#[must_use = "call `sign` to get the token"]
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

    /// A logout token without subject and session.
    pub(super) fn logout(provider: &Provider) -> Self {
        let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        let token = Self::new(provider).audience(SESSION_CLIENT).claim("events", events).header("typ", "logout+jwt");
        PROFILE_CLAIMS.into_iter().chain(["sub", "scope", "client_id"]).fold(token, Self::without)
    }

    /// Sets the user. Users unknown to the issuer (other than alice and bob) have no name and no e-mail address.
    pub fn subject(mut self, subject: &str) -> Self {
        for claim in PROFILE_CLAIMS {
            self.claims.remove(claim);
        }
        if let Some(user) = directory::find_user(subject) {
            self.describe(user);
        }
        self.claim("sub", subject)
    }

    /// Sets a machine client: subject and client are equal, and profile claims are removed (RFC 9068 section 2.2).
    pub fn machine(self, client_id: &str) -> Self {
        self.subject(client_id).client(client_id)
    }

    /// Sets the client.
    pub fn client(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// Sets the audience, or a list of audiences.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Sets the scopes, separated by spaces.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.claim("scope", scope.into())
    }

    /// Sets the issuer.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets the expiry in seconds from now, by the issuer's clock. A negative number is in the past.
    pub fn expires_in(self, seconds: i64) -> Self {
        let expiry = self.now.timestamp().saturating_add(seconds);
        self.claim("exp", expiry)
    }

    /// Sets the time of issue.
    pub fn issued_at(self, time: DateTime<Utc>) -> Self {
        self.claim("iat", time.timestamp())
    }

    /// Sets the time before which the token is not valid.
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        self.claim("nbf", time.timestamp())
    }

    /// Sets a claim of any type.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header parameter of any type. This changes the header, not how the token is signed.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header_changes.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Removes a header parameter.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header_changes.push((name.to_owned(), None));
        self
    }

    /// Sets the key id in the header.
    pub fn kid(self, id: &str) -> Self {
        self.header("kid", id)
    }

    /// Signs with the issuer's current key for this algorithm.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Signs with any key, which need not belong to the issuer. The header names this key and its algorithm.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.foreign_key = Some(key.clone());
        self
    }

    /// Uses this text as the header, unchanged: for content that a JSON value cannot represent, such as a duplicate member.
    pub fn raw_header(mut self, json: &str) -> Self {
        self.raw_header = Some(json.to_owned());
        self
    }

    /// Uses this text as the payload, unchanged.
    pub fn raw_payload(mut self, json: &str) -> Self {
        self.raw_payload = Some(json.to_owned());
        self
    }

    /// Signs the token. Returns its compact serialization (RFC 7515 section 7.1).
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

    fn describe(&mut self, user: &User) {
        let profile = json!({
            "name": user.name(),
            "given_name": user.given_name,
            "family_name": user.family_name,
            "preferred_username": user.login,
            "email": user.email,
            "email_verified": true,
            "locale": user.locale,
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
    fn default_token_is_accepted_by_jsonwebtoken_for_every_algorithm() {
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
    fn changes_appear_in_the_token_and_other_claims_stay() {
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
    fn raw_text_is_signed_unchanged() {
        let token = TokenBuilder::new(&provider()).raw_header("{ }").raw_payload(r#"{"a":1,"a":2}"#).sign();
        assert_eq!(parts(&token), ("{ }".to_owned(), r#"{"a":1,"a":2}"#.to_owned()));
    }

    #[test]
    fn foreign_key_is_named_in_the_header_but_not_published() {
        let provider = provider();
        let key = SigningKey::generate(Algorithm::Es256);
        let header = decode_header(TokenBuilder::new(&provider).signed_by(&key).sign()).unwrap();
        assert_eq!(header.kid.as_deref(), Some(key.id()));
        assert!(!provider.keys.document().to_string().contains(key.id()));
    }
}
