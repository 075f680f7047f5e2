//! Signing people in at an issuer, as its client (OIDC Core section 3.1): authorization code with PKCE, state, nonce and `iss`.
//!
//! The provider is asked by way of the `oauth2` crate; what it answers is proved here, since only what is proved becomes [`Claims`].
//! An ID token says who signed in; roles are the access token's, if that is one that this service would take from anybody.

mod answer;
mod endpoint;
mod id_token;
mod kept;
mod logout;
mod settings;

pub use answer::{LoginAnswer, PendingLogin};
pub use kept::SessionClaims;
pub use logout::LogoutNotice;
pub use settings::LoginSettings;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::provider::ProviderError;
use super::trusted_issuer::TrustedIssuer;
use super::trusted_issuers::Table;
use super::{Claims, Rejection, TokenVerifier, TrustedIssuers};
use crate::Clock;

pub(super) use endpoint::RelyingParty;
use endpoint::Tokens;
use id_token::ProvedIdToken;

/// Signs people in. Knows no state but the issuers: what has to last is given back to be kept.
pub struct LoginClient {
    issuers: TrustedIssuers,
    verifier: TokenVerifier,
    clock: Clock,
}

/// Why a sign-in came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No issuer has a client for people to sign in by.
    #[error("no issuer is configured for people to sign in at")]
    Off,
    /// The provider could not be asked, or was out of order.
    #[error("the identity provider could not be asked: {0}")]
    Unavailable(String),
    /// The answer is not the provider's answer to what this browser asked: another state, another issuer.
    #[error("the answer is not to this browser's sign-in")]
    NotOurs,
    /// The provider says no to the code or to the refresh token (`invalid_grant`).
    #[error("the identity provider refused the grant")]
    Refused,
    /// The provider refused us: another error than `invalid_grant`, which is the operator's to mend.
    #[error("the identity provider refused this client: {0}")]
    Misconfigured(String),
    /// A token that the provider gave does not pass.
    #[error("a token of the identity provider is not acceptable: {0}")]
    Token(#[from] Rejection),
}

impl LoginError {
    fn unavailable(error: &ProviderError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Where the browser goes to sign in, and what has to be kept for its return.
pub struct LoginRequest {
    /// The provider's page.
    pub url: Url,
    /// To be kept where only this browser brings it back from, and nobody reads it.
    pub pending: PendingLogin,
}

/// Somebody signed in.
pub struct SignedIn {
    /// Who, proved.
    pub claims: Arc<Claims>,
    /// The same, to be kept.
    pub kept: SessionClaims,
    /// `sub` as the ID token has it.
    pub provider_subject: String,
    /// `sid`: what the provider calls its own session.
    pub provider_session: Option<String>,
    /// When the provider says so.
    pub issued_at: DateTime<Utc>,
    /// How long this is good without being asked about again.
    pub good_until: DateTime<Utc>,
    /// To ask again with.
    pub refresh_token: Option<SecretString>,
    /// To sign out with.
    pub id_token: SecretString,
}

/// A sign-in that the provider stands by.
pub struct Refreshed {
    /// Who it is, as is known now.
    pub kept: SessionClaims,
    /// The new refresh token, if there is one; else the old one stays.
    pub refresh_token: Option<SecretString>,
    /// The new ID token, if there is one.
    pub id_token: Option<SecretString>,
}

impl LoginClient {
    /// A client of the one of `issuers` that has one.
    pub fn new(issuers: TrustedIssuers, clock: Clock) -> Self {
        Self { verifier: TokenVerifier::new(issuers.clone(), clock.clone()), issuers, clock }
    }

    /// Where a browser goes to sign in. `prompt` as in OIDC Core section 3.1.2.1.
    pub async fn begin(&self, redirect_uri: &str, prompt: Option<&str>) -> Result<LoginRequest, LoginError> {
        let table = self.issuers.table();
        let (issuer, party) = table.login_issuer().ok_or(LoginError::Off)?;
        let (url, secrets) = party.authorization_url(redirect_uri, prompt).await?;
        Ok(LoginRequest { url, pending: PendingLogin::new(&issuer.settings.issuer, secrets) })
    }

    /// Whether `answer`, be it a code or an error, is the provider's to `pending` (OIDC Core section 3.1.2.7, RFC 9207 section 2.4).
    pub async fn check(&self, pending: &PendingLogin, answer: &LoginAnswer) -> Result<(), LoginError> {
        let table = self.issuers.table();
        let (issuer, party) = table.login_issuer().ok_or(LoginError::Off)?;
        if !pending.is_answered_by(answer.state.as_deref()) || pending.issuer() != issuer.settings.issuer {
            return Err(LoginError::NotOurs);
        }
        let is_named = match answer.issuer.as_deref() {
            Some(named) => issuer.settings.trusted_names().iter().any(|(name, _)| name == named),
            None => !party.names_issuer().await?,
        };
        if is_named { Ok(()) } else { Err(LoginError::NotOurs) }
    }

    /// Who signed in, by a code that passed [`check`](Self::check).
    pub async fn complete(
        &self,
        pending: &PendingLogin,
        code: &str,
        redirect_uri: &str,
    ) -> Result<SignedIn, LoginError> {
        let table = self.issuers.table();
        let (issuer, party) = table.login_issuer().ok_or(LoginError::Off)?;
        let tokens = party.redeem(code, pending.verifier(), redirect_uri).await?;
        let id_token = tokens.id_token.as_ref().ok_or(Rejection::NotASignedJwt)?;
        let proved = self.prove(&table, &issuer, &party, id_token, Some(pending.nonce())).await?;
        let claims = self.claims(&issuer, &party, &proved, &tokens).await?;
        let now = self.clock.now();
        let issued_at = proved.validity.issued_at.unwrap_or(now);
        Ok(SignedIn {
            kept: SessionClaims::of(&claims, now),
            claims: Arc::new(claims),
            provider_subject: proved.provider_subject,
            provider_session: proved.provider_session,
            issued_at,
            good_until: tokens.good_for.map_or(proved.validity.expires_at, |good_for| later(now, good_for)),
            refresh_token: tokens.refresh_token,
            id_token: id_token.clone(),
        })
    }

    /// Asks the provider whether it stands by a sign-in. It may say less than the first time: what it does not repeat stays, and
    /// [`SessionClaims::roles_told_at`] says since when.
    pub async fn refresh(&self, before: &SessionClaims, refresh_token: &SecretString) -> Result<Refreshed, LoginError> {
        let table = self.issuers.table();
        let (issuer, party) = table.login_issuer().ok_or(LoginError::Off)?;
        let (tokens, now) = (party.refresh(refresh_token).await?, self.clock.now());
        let kept = match &tokens.id_token {
            Some(id_token) => {
                let proved = self.prove(&table, &issuer, &party, id_token, None).await?;
                SessionClaims::of(&self.claims(&issuer, &party, &proved, &tokens).await?, now)
            }
            None => match self.access_claims(&tokens).await? {
                Some(claims) => before.with_rights_of(&claims, now),
                None => before.clone(),
            },
        };
        // OIDC Core section 12.2: it must still be the same person.
        if !kept.is_same_person(before) {
            return Err(Rejection::BadSubject.into());
        }
        Ok(Refreshed { kept, refresh_token: tokens.refresh_token, id_token: tokens.id_token })
    }

    /// The claims that were kept, as this moment's configuration reads them; `None` where their issuer is not trusted any more, or
    /// nobody signs in there any more.
    pub fn restore(&self, kept: &SessionClaims, ends_at: DateTime<Utc>) -> Option<Claims> {
        let table = self.issuers.table();
        let (issuer, _) = table.login_issuer()?;
        let names = issuer.settings.canonical_issuers();
        names.contains(&kept.issuer).then(|| kept.restore(&issuer, ends_at))
    }

    /// Where a browser goes to sign out at the provider as well (RP-Initiated Logout section 2); `None` where it can't.
    pub async fn end_session_url(&self, id_token: Option<&SecretString>, after: Option<&Url>) -> Option<Url> {
        let table = self.issuers.table();
        let (_, party) = table.login_issuer()?;
        party.end_session_url(id_token, after).await
    }

    /// What a logout token says that the provider sent (Back-Channel Logout section 2.6).
    pub async fn read_logout_token(&self, token: &str) -> Result<LogoutNotice, LoginError> {
        let table = self.issuers.table();
        let (issuer, party) = table.login_issuer().ok_or(LoginError::Off)?;
        Ok(logout::read(&table, &issuer, &party.settings().client_id, token, self.clock.now()).await?)
    }

    async fn prove(
        &self,
        table: &Table,
        issuer: &TrustedIssuer,
        party: &RelyingParty,
        id_token: &SecretString,
        nonce: Option<&str>,
    ) -> Result<ProvedIdToken, Rejection> {
        let client_id = &party.settings().client_id;
        id_token::prove(table, issuer, client_id, id_token.expose_secret(), nonce, self.clock.now()).await
    }

    /// Who signed in, with the roles of the access token if this service would take it.
    async fn claims(
        &self,
        issuer: &TrustedIssuer,
        party: &RelyingParty,
        proved: &ProvedIdToken,
        tokens: &Tokens,
    ) -> Result<Claims, Rejection> {
        let claims = proved.claims(issuer, &party.settings().client_id);
        match self.access_claims(tokens).await? {
            Some(access) if access.issuer() == claims.issuer() && access.subject() == claims.subject() => {
                Ok(Claims { roles: access.roles, scopes: access.scopes, ..claims })
            }
            _ => {
                // What the operator demands of access tokens is demanded of what stands in for one.
                issuer.require(&proved.claims)?;
                Ok(claims)
            }
        }
    }

    /// The claims of the access token if it is one for this service. One for somebody else is no fault: nobody said that it is for us.
    async fn access_claims(&self, tokens: &Tokens) -> Result<Option<Claims>, Rejection> {
        match self.verifier.examine(tokens.access_token.expose_secret(), |_| {}).await {
            Ok(claims) => Ok(Some(claims)),
            Err(unmet @ Rejection::RequirementUnmet(_)) => Err(unmet),
            Err(outage) if outage.is_our_outage() => Err(outage),
            Err(_) => Ok(None),
        }
    }
}

/// `now` and so much later: the end of all time where that is no moment. The number is the provider's, and can be any.
fn later(now: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_lifetime_that_a_provider_can_write_ends_at_a_moment(seconds in any::<u64>(), shift in 0_u32..64) {
            let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
            // Shifted, so that short ones are tried too.
            let good_for = endpoint::lifetime(Duration::from_secs(seconds >> shift));
            prop_assert!(later(now, good_for) >= now);
        }
    }
}
