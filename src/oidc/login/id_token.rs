//! The proof of an ID token (OIDC Core section 3.1.3.7), by the keys and rules of its issuer.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::oidc::claims::IssuerPolicy;
use crate::oidc::compact::UnverifiedToken;
use crate::oidc::header::UnverifiedHeader;
use crate::oidc::strict_json::{Json, Object};
use crate::oidc::subject::{self, Subject};
use crate::oidc::trusted_issuer::TrustedIssuer;
use crate::oidc::trusted_issuers::Table;
use crate::oidc::validity::Validity;
use crate::oidc::{Claims, Rejection, SubjectKind, audience};
use chrono::{DateTime, Utc};

/// An ID token that passed.
pub(super) struct ProvedIdToken {
    pub(super) claims: Object<'static>,
    pub(super) validity: Validity,
    /// `sub`.
    pub(super) provider_subject: String,
    /// `sid`.
    pub(super) provider_session: Option<String>,
    policy: Arc<IssuerPolicy>,
    /// Who it speaks of, as the issuer's access tokens name them.
    subject: String,
}

/// A token that its issuer wrote for this client, whatever kind of token it says to be.
pub(super) struct ProvedForClient {
    pub(super) claims: Object<'static>,
    pub(super) policy: Arc<IssuerPolicy>,
    pub(super) validity: Validity,
}

/// Proves an ID token. `nonce` is that of the request, if there was one: an ID token that comes with a refresh need not repeat it.
pub(super) async fn prove(
    table: &Table,
    issuer: &TrustedIssuer,
    client_id: &str,
    token: &str,
    nonce: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ProvedIdToken, Rejection> {
    let proved = prove_for_client(table, issuer, client_id, token, "jwt", now).await?;
    let claims = &proved.claims;
    let says = |claim: &str| claims.get(claim).map(Json::as_str);
    let is_id_token = !claims.contains_key("events")
        && says("token_use").is_none_or(|usage| usage == Some("id"))
        && says("typ").is_none_or(|typ| typ.is_some_and(|typ| typ.eq_ignore_ascii_case("ID")))
        && nonce.is_none_or(|nonce| says("nonce").flatten() == Some(nonce));
    if !is_id_token {
        return Err(Rejection::NotAnAccessToken);
    }
    let named = |value: Option<&Json<'_>>| value.and_then(subject::name).map(str::to_owned);
    let provider_subject = named(claims.get("sub")).ok_or(Rejection::BadSubject)?;
    let subject = named(issuer.settings.mapping.id_token_subject.find(claims)).ok_or(Rejection::BadSubject)?;
    let provider_session = named(claims.get("sid"));
    let ProvedForClient { claims, policy, validity } = proved;
    Ok(ProvedIdToken { claims, validity, provider_subject, provider_session, policy, subject })
}

/// Proves that the issuer wrote a token for this client, and that it can be used now.
pub(super) async fn prove_for_client(
    table: &Table,
    issuer: &TrustedIssuer,
    client_id: &str,
    token: &str,
    kind: &str,
    now: DateTime<Utc>,
) -> Result<ProvedForClient, Rejection> {
    let token = UnverifiedToken::split(token)?;
    let header = token.read_header(|members| UnverifiedHeader::read_of_kind(members, kind))?;
    let payload = token.payload()?;
    let claims = payload.claims()?;
    let (policy, named) = table.issuer_of(&claims)?;
    // Another issuer's token may be good, but is no answer of the one that was asked.
    if !std::ptr::eq(named, issuer) {
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
    Ok(ProvedForClient { policy: Arc::clone(policy), claims: claims.into_owned(), validity })
}

/// `azp`, where there is one, is the client for which the token was written; where there are several audiences there has to be one.
fn check_authorized_party(claims: &Object<'_>, client_id: &str) -> Result<(), Rejection> {
    let is_for_several = claims.get("aud").and_then(Json::as_list).is_some_and(|audiences| audiences.len() > 1);
    match claims.get("azp") {
        Some(party) if party.as_str() == Some(client_id) => Ok(()),
        None if !is_for_several => Ok(()),
        _ => Err(Rejection::WrongAudience),
    }
}

impl ProvedIdToken {
    /// What it means. The client is ours, hence first-party; who signs in with a browser is a person.
    pub(super) fn claims(&self, issuer: &TrustedIssuer, client_id: &str) -> Claims {
        let subject = Subject { kind: SubjectKind::Human, name: &self.subject, client_id: Some(client_id) };
        let claims = issuer.interpret(Arc::clone(&self.policy), &self.claims, subject, self.validity);
        Claims { first_party: true, ..claims }
    }
}
