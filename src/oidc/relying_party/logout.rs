//! Logout tokens (OIDC Back-Channel Logout section 2.4), which report a logout at the provider.

use chrono::{DateTime, Utc};

use super::client_token::{self, ClientToken, Kind};
use super::login_issuer::LoginIssuer;
use crate::jose::unique_json::Json;
use crate::oidc::Rejection;
use crate::oidc::mapping::subject;
use crate::redacted::redact_debug;

/// The required member of `events`.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// The canonical issuer.
    pub issuer: String,
    /// `sub`, as in ID tokens. All sessions of this user end, unless `provider_session` is present.
    pub provider_subject: Option<String>,
    /// The user's subject in access tokens, if the token contains it.
    pub subject: Option<String>,
    /// `sid`: the one session that ends.
    pub provider_session: Option<String>,
    /// `iat`.
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

redact_debug!(LogoutNotice);

/// Verifies a logout token (section 2.6).
pub(crate) async fn read(login: &LoginIssuer, token: &str, now: DateTime<Utc>) -> Result<LogoutNotice, Rejection> {
    let ClientToken { claims, policy, validity, .. } = client_token::verify(login, token, Kind::Logout, now).await?;
    let has_logout_event =
        claims.get("events").and_then(|events| events.step(EVENT)).is_some_and(|event| event.as_object().is_some());
    let has_id = claims.get("jti").and_then(Json::as_str).is_some_and(|id| !id.is_empty());
    // A nonce is prohibited, so that an ID token cannot pass as a logout token.
    if !has_logout_event || !has_id || claims.contains_key("nonce") {
        return Err(Rejection::NotALogoutToken);
    }
    let named = |claim: &str| {
        claims.get(claim).map(|value| subject::name(value).map(str::to_owned).ok_or(Rejection::BadSubject)).transpose()
    };
    let (provider_subject, provider_session) = (named("sub")?, named("sid")?);
    if provider_subject.is_none() && provider_session.is_none() {
        return Err(Rejection::BadSubject);
    }
    let subject =
        login.issuer.settings.mapping.id_token_subject.find(&claims).and_then(subject::name).map(str::to_owned);
    Ok(LogoutNotice {
        issuer: policy.issuer.to_string(),
        provider_subject,
        subject,
        provider_session,
        expires_at: validity.expires_at,
        issued_at: validity.issued_at.ok_or(Rejection::MalformedTime)?,
    })
}
