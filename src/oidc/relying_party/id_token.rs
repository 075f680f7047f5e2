//! ID token verification (OIDC Core section 3.1.3.7), with the keys and settings of the issuer.
//!
//! Claims that this service does not use are not read: providers send them in many shapes, so openidconnect's own claims, which are parsed
//! strictly, would refuse their users.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use openidconnect::{AccessToken, AccessTokenHash, Nonce, NonceVerifier};

use super::client_token::{self, ClientToken, Kind};
use super::issuer_key::IssuerKey;
use super::login_issuer::LoginIssuer;
use crate::jose::unique_json::{Json, Object};
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::mapping::subject::{self, Subject};
use crate::oidc::verification::validity::Validity;
use crate::oidc::{Claims, Rejection, SubjectKind};

/// A verified ID token.
pub(crate) struct VerifiedIdToken {
    pub(crate) claims: Object<'static>,
    pub(crate) validity: Validity,
    /// `sub`.
    pub(crate) provider_subject: String,
    /// `sid`.
    pub(crate) provider_session: Option<String>,
    policy: Arc<IssuerPolicy>,
    /// The user's subject in the issuer's access tokens.
    subject: String,
}

/// Verifies an ID token that was issued with this access token. `nonce` is that of the authorization request; an ID token from a refresh
/// need not contain it.
pub(crate) async fn verify(
    login: &LoginIssuer,
    text: &str,
    access_token: &str,
    nonce: Option<&Nonce>,
    now: DateTime<Utc>,
) -> Result<VerifiedIdToken, Rejection> {
    let token = client_token::verify(login, text, Kind::Id, now).await?;
    let named = token.claims.get("nonce").and_then(Json::as_str).map(|nonce| Nonce::new(nonce.to_owned()));
    if nonce.is_some_and(|nonce| nonce.verify(named.as_ref()).is_err()) {
        return Err(Rejection::WrongNonce);
    }
    check_access_token(access_token, &token)?;
    let ClientToken { claims, policy, validity, .. } = token;
    if !is_id_token(&claims) {
        return Err(Rejection::NotAnIdToken);
    }
    let named = |value: Option<&Json<'_>>| value.and_then(subject::name).map(str::to_owned);
    let provider_subject = named(claims.get("sub")).ok_or(Rejection::BadSubject)?;
    let subject = named(login.issuer.settings.mapping.id_token_subject.find(&claims)).ok_or(Rejection::BadSubject)?;
    let provider_session = named(claims.get("sid"));
    Ok(VerifiedIdToken { claims, validity, provider_subject, provider_session, policy, subject })
}

/// Checks `at_hash`, if present: the access token was issued with the ID token (OIDC Core section 3.1.3.8).
fn check_access_token(access_token: &str, token: &ClientToken) -> Result<(), Rejection> {
    let hash = match token.claims.get("at_hash") {
        None | Some(Json::Null) => return Ok(()),
        Some(hash) => AccessTokenHash::new(hash.as_str().ok_or(Rejection::WrongTokenHash)?.to_owned()),
    };
    let (access_token, key) = (AccessToken::new(access_token.to_owned()), IssuerKey::new(Arc::clone(&token.key)));
    let expected = AccessTokenHash::from_token(&access_token, &token.header.algorithm, &key);
    if expected.is_ok_and(|expected| expected == hash) { Ok(()) } else { Err(Rejection::WrongTokenHash) }
}

/// Refuses the tokens of other kinds that a provider may sign for the same client.
fn is_id_token(claims: &Object<'_>) -> bool {
    let text_of = |claim: &str| claims.get(claim).map(Json::as_str);
    !claims.contains_key("events")
        && text_of("token_use").is_none_or(|usage| usage == Some("id"))
        && text_of("typ").is_none_or(|typ| typ.is_some_and(|typ| typ.eq_ignore_ascii_case("ID")))
}

impl VerifiedIdToken {
    /// Returns its claims. The client is this service's own, hence first-party; a browser sign-in is always human.
    pub(crate) fn claims(&self, login: &LoginIssuer) -> Claims {
        let subject = Subject { kind: SubjectKind::Human, name: &self.subject, client_id: Some(login.client_id()) };
        let claims = login.issuer.interpret(Arc::clone(&self.policy), &self.claims, subject, self.validity);
        Claims { first_party: true, ..claims }
    }
}
