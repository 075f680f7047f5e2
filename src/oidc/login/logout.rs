//! Logout tokens (OIDC Back-Channel Logout section 2.4): the provider tells that somebody signed out there.

use chrono::{DateTime, Utc};

use super::id_token::prove_for_client;
use crate::oidc::Rejection;
use crate::oidc::strict_json::Json;
use crate::oidc::subject;
use crate::oidc::trusted_issuer::TrustedIssuer;
use crate::oidc::trusted_issuers::Table;
use crate::redacted::redact_debug;

/// The event that the token has to tell of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Who signed out.
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// The canonical issuer.
    pub issuer: String,
    /// `sub`, as ID tokens have it. All sessions of this person end, unless one is named.
    pub provider_subject: Option<String>,
    /// The person as access tokens name them, where the token says.
    pub subject: Option<String>,
    /// `sid`: the one session that ends.
    pub provider_session: Option<String>,
    /// When it was written.
    pub issued_at: DateTime<Utc>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

redact_debug!(LogoutNotice);

/// Proves a logout token (section 2.6).
pub(super) async fn read(
    table: &Table,
    issuer: &TrustedIssuer,
    client_id: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<LogoutNotice, Rejection> {
    let proved = prove_for_client(table, issuer, client_id, token, "logout+jwt", now).await?;
    let claims = &proved.claims;
    let tells_of_logout =
        claims.get("events").and_then(|events| events.step(EVENT)).is_some_and(|event| event.as_object().is_some());
    let has_id = claims.get("jti").and_then(Json::as_str).is_some_and(|id| !id.is_empty());
    // A nonce would let an ID token be taken for one.
    if !tells_of_logout || !has_id || claims.contains_key("nonce") {
        return Err(Rejection::NotAnAccessToken);
    }
    let named = |claim: &str| {
        claims.get(claim).map(|value| subject::name(value).map(str::to_owned).ok_or(Rejection::BadSubject)).transpose()
    };
    let (provider_subject, provider_session) = (named("sub")?, named("sid")?);
    if provider_subject.is_none() && provider_session.is_none() {
        return Err(Rejection::BadSubject);
    }
    let subject = issuer.settings.mapping.id_token_subject.find(claims).and_then(subject::name).map(str::to_owned);
    Ok(LogoutNotice {
        issuer: proved.policy.issuer.to_string(),
        provider_subject,
        subject,
        provider_session,
        expires_at: proved.validity.expires_at,
        issued_at: proved.validity.issued_at.ok_or(Rejection::MalformedTime)?,
    })
}
