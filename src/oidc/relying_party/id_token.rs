//! ID token verification (OIDC Core section 3.1.3.7), with the keys and settings of the issuer.
//!
//! openidconnect verifies the token. The checks before it are stricter: one reading of the JSON, the algorithm and the type of the header,
//! and `azp`. Those after it are about the kind of the token and `at_hash`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, JsonWebKeySet, Nonce,
    NonceVerifier, SignatureVerificationError,
};

use super::client_token::{self, Kind, UnverifiedClientToken};
use super::issuer_key::{IdToken, IssuerKey};
use super::login_issuer::LoginIssuer;
use crate::jose::unique_json::{Json, Object};
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::mapping::subject::{self, Subject};
use crate::oidc::verification::validity::{LEEWAY, Validity};
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
    let read = client_token::read(login, text, Kind::Id, now).await?;
    let key = IssuerKey::new(read.header.key_id.as_deref(), Arc::clone(&read.key));
    let token: IdToken = text.parse().map_err(|_| Rejection::MalformedClaims)?;
    let nonce = |named: Option<&Nonce>| nonce.map_or(Ok(()), |nonce| nonce.verify(named));
    let verified = token.claims(&verifier(login, &read, &key, now)?, nonce).map_err(rejection)?;
    if let Some(hash) = verified.access_token_hash() {
        check_access_token(hash, access_token, &read, &key)?;
    }
    let UnverifiedClientToken { claims, policy, validity, .. } = read;
    if !is_id_token(&claims) {
        return Err(Rejection::NotAnIdToken);
    }
    let named = |value: Option<&Json<'_>>| value.and_then(subject::name).map(str::to_owned);
    let provider_subject = named(claims.get("sub")).ok_or(Rejection::BadSubject)?;
    let subject = named(login.issuer.settings.mapping.id_token_subject.find(&claims)).ok_or(Rejection::BadSubject)?;
    let provider_session = named(claims.get("sid"));
    Ok(VerifiedIdToken { claims, validity, provider_subject, provider_session, policy, subject })
}

/// Returns openidconnect's verifier for a token that `key` must have signed.
fn verifier<'a>(
    login: &LoginIssuer,
    read: &UnverifiedClientToken<'_>,
    key: &IssuerKey,
    now: DateTime<Utc>,
) -> Result<IdTokenVerifier<'a, IssuerKey>, Rejection> {
    // One of the names of the issuer: the table of trusted issuers has found it.
    let issuer = read.claims.get("iss").and_then(Json::as_str).and_then(|iss| IssuerUrl::new(iss.to_owned()).ok());
    let issuer = issuer.ok_or(Rejection::UnknownIssuer)?;
    let (client_id, keys) = (ClientId::new(login.client_id().to_owned()), JsonWebKeySet::new(vec![key.clone()]));
    Ok(IdTokenVerifier::new_public_client(client_id, issuer, keys)
        .set_allowed_algs(login.issuer.settings.algorithms.iter().copied())
        // With several audiences, `azp` is required and has been checked.
        .set_other_audience_verifier_fn(|_| true)
        .set_time_fn(move || now - LEEWAY))
}

/// Checks `at_hash`: the access token was issued with the ID token (OIDC Core section 3.1.3.8).
fn check_access_token(
    hash: &AccessTokenHash,
    access_token: &str,
    read: &UnverifiedClientToken<'_>,
    key: &IssuerKey,
) -> Result<(), Rejection> {
    let access_token = AccessToken::new(access_token.to_owned());
    let expected = AccessTokenHash::from_token(&access_token, &read.header.algorithm, key);
    if expected.is_ok_and(|expected| expected == *hash) { Ok(()) } else { Err(Rejection::WrongTokenHash) }
}

/// Refuses the tokens of other kinds that a provider may sign for the same client.
fn is_id_token(claims: &Object<'_>) -> bool {
    let text_of = |claim: &str| claims.get(claim).map(Json::as_str);
    !claims.contains_key("events")
        && text_of("token_use").is_none_or(|usage| usage == Some("id"))
        && text_of("typ").is_none_or(|typ| typ.is_some_and(|typ| typ.eq_ignore_ascii_case("ID")))
}

/// Returns the rejection for an error of openidconnect, whose text may repeat the token.
fn rejection(error: ClaimsVerificationError) -> Rejection {
    use SignatureVerificationError::{DisallowedAlg, NoSignature, UnsupportedAlg};

    match error {
        ClaimsVerificationError::Expired(_) => Rejection::Expired,
        ClaimsVerificationError::InvalidAudience(_) => Rejection::WrongAudience,
        ClaimsVerificationError::InvalidIssuer(_) => Rejection::UnknownIssuer,
        ClaimsVerificationError::InvalidNonce(_) => Rejection::WrongNonce,
        ClaimsVerificationError::Unsupported(_) => Rejection::UnsupportedExtension,
        ClaimsVerificationError::SignatureVerification(DisallowedAlg(_) | NoSignature | UnsupportedAlg(_)) => {
            Rejection::AlgorithmNotAllowed
        }
        ClaimsVerificationError::SignatureVerification(_) => Rejection::BadSignature,
        _ => Rejection::MalformedClaims,
    }
}

impl VerifiedIdToken {
    /// Returns its claims. The client is this service's own, hence first-party; a browser sign-in is always human.
    pub(crate) fn claims(&self, login: &LoginIssuer) -> Claims {
        let subject = Subject { kind: SubjectKind::Human, name: &self.subject, client_id: Some(login.client_id()) };
        let claims = login.issuer.interpret(Arc::clone(&self.policy), &self.claims, subject, self.validity);
        Claims { first_party: true, ..claims }
    }
}
