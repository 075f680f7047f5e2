//! ID token verification (OIDC Core section 3.1.3.7), with the keys and settings of the issuer.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::login_issuer::LoginIssuer;
use crate::jose::compact::UnverifiedToken;
use crate::jose::header::UnverifiedHeader;
use crate::jose::unique_json::{Json, Object};
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::mapping::subject::{self, Subject};
use crate::oidc::verification::audience;
use crate::oidc::verification::validity::Validity;
use crate::oidc::{Claims, Rejection, SubjectKind};
use chrono::{DateTime, Utc};

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

/// A verified token with this client as its audience; its kind is not checked beyond `typ`.
pub(crate) struct VerifiedForClient {
    pub(crate) claims: Object<'static>,
    pub(crate) policy: Arc<IssuerPolicy>,
    pub(crate) validity: Validity,
}

/// Verifies an ID token. `nonce` is that of the authorization request; an ID token from a refresh need not contain it.
pub(crate) async fn verify(
    login: &LoginIssuer,
    token: &str,
    nonce: Option<&str>,
    now: DateTime<Utc>,
) -> Result<VerifiedIdToken, Rejection> {
    let verified = verify_for_client(login, token, "jwt", now).await?;
    let claims = &verified.claims;
    let text_of = |claim: &str| claims.get(claim).map(Json::as_str);
    let is_id_token = !claims.contains_key("events")
        && text_of("token_use").is_none_or(|usage| usage == Some("id"))
        && text_of("typ").is_none_or(|typ| typ.is_some_and(|typ| typ.eq_ignore_ascii_case("ID")))
        && nonce.is_none_or(|nonce| text_of("nonce").flatten() == Some(nonce));
    if !is_id_token {
        return Err(Rejection::NotAnAccessToken);
    }
    let named = |value: Option<&Json<'_>>| value.and_then(subject::name).map(str::to_owned);
    let provider_subject = named(claims.get("sub")).ok_or(Rejection::BadSubject)?;
    let subject = named(login.issuer.settings.mapping.id_token_subject.find(claims)).ok_or(Rejection::BadSubject)?;
    let provider_session = named(claims.get("sid"));
    let VerifiedForClient { claims, policy, validity } = verified;
    Ok(VerifiedIdToken { claims, validity, provider_subject, provider_session, policy, subject })
}

/// Verifies that the issuer signed the token for this client, and that it is valid at `now`. `kind` is the accepted `typ`.
pub(crate) async fn verify_for_client(
    login: &LoginIssuer,
    token: &str,
    kind: &str,
    now: DateTime<Utc>,
) -> Result<VerifiedForClient, Rejection> {
    let LoginIssuer { table, issuer, .. } = login;
    let client_id = login.client_id();
    let token = UnverifiedToken::split(token)?;
    let header = token.read_header(|members| UnverifiedHeader::read_of_kind(members, kind))?;
    let payload = token.payload()?;
    let claims = payload.claims()?;
    let (policy, named) = table.issuer_of(&claims)?;
    // A token of another trusted issuer may be valid, but does not belong to this response.
    if !std::ptr::eq(named, &**issuer) {
        return Err(Rejection::UnknownIssuer);
    }
    if !issuer.settings.algorithms.contains(&header.algorithm) {
        return Err(Rejection::AlgorithmNotAllowed);
    }
    audience::check(&claims, &[client_id.to_owned()], &BTreeSet::new())?;
    check_authorized_party(&claims, client_id)?;
    let validity = Validity::check(&claims, now)?;
    let signature = token.signature()?;
    let key = issuer.keys.find(header.key_id.as_deref(), header.algorithm).await?;
    issuer.status.verdicts.check_signature();
    if !key.verifies(token.signed_text, &signature) {
        return Err(Rejection::BadSignature);
    }
    Ok(VerifiedForClient { policy: Arc::clone(policy), claims: claims.into_owned(), validity })
}

/// Checks `azp`: if present, it must be this client. It is required if there are several audiences.
fn check_authorized_party(claims: &Object<'_>, client_id: &str) -> Result<(), Rejection> {
    let is_for_several = claims.get("aud").and_then(Json::as_list).is_some_and(|audiences| audiences.len() > 1);
    match claims.get("azp") {
        Some(party) if party.as_str() == Some(client_id) => Ok(()),
        None if !is_for_several => Ok(()),
        _ => Err(Rejection::WrongAudience),
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
