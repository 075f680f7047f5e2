//! The relying party: browser sign-in at an issuer (OIDC Core section 3.1) with authorization code, PKCE, state, nonce and `iss`.
//!
//! openidconnect builds the requests, reads the token responses and builds the logout URL. ID and logout tokens are verified here, with the
//! issuer's key set and aws-lc-rs, because only a verified token becomes [`Claims`]. The ID token identifies the user. Roles come from the
//! access token, if this service would accept it as a bearer token.

mod answer;
mod client_token;
pub(crate) mod docs_login;
mod endpoint;
mod id_token;
mod issuer_key;
mod login_error;
mod login_issuer;
mod logout;
pub(crate) mod session_claims;
mod settings;
mod token_response;

pub use answer::{LoginAnswer, PendingLogin};
pub use login_error::LoginError;
pub use login_issuer::RelyingParties;
pub use logout::LogoutNotice;
pub use session_claims::SessionClaims;
pub use settings::LoginSettings;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::Nonce;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Claims, Rejection, TokenVerifier, TrustedIssuers};
use crate::Clock;

use id_token::VerifiedIdToken;
use login_issuer::LoginIssuer;
use token_response::Tokens;

/// The client for browser sign-in. It stores nothing: pending sign-ins and session claims are returned to the caller.
pub struct LoginClient {
    parties: RelyingParties,
    verifier: TokenVerifier,
    clock: Clock,
}

/// The authorization request, and the state to store until its response.
pub struct LoginRequest {
    /// The URL of the authorization request.
    pub url: Url,
    /// The pending sign-in, to be stored encrypted and bound to this browser.
    pub pending: PendingLogin,
}

/// A completed sign-in.
pub struct SignedIn {
    /// The verified claims.
    pub claims: Arc<Claims>,
    /// The claims in their stored form.
    pub kept: SessionClaims,
    /// `sub` of the ID token.
    pub provider_subject: String,
    /// `sid`: the id of the provider's session.
    pub provider_session: Option<String>,
    /// `iat` of the ID token, or the current time.
    pub issued_at: DateTime<Utc>,
    /// The time until which the sign-in is valid without a refresh.
    pub good_until: DateTime<Utc>,
    /// The refresh token, if any.
    pub refresh_token: Option<SecretString>,
    /// The ID token, as a hint for logout.
    pub id_token: SecretString,
}

/// A sign-in that the provider has confirmed by a refresh.
pub struct Refreshed {
    /// The updated claims.
    pub kept: SessionClaims,
    /// The new refresh token; `None` if the old one stays in use.
    pub refresh_token: Option<SecretString>,
    /// The new ID token, if any.
    pub id_token: Option<SecretString>,
}

impl LoginClient {
    /// Creates the client for the relying party in `parties`. Access tokens are those of `issuers`.
    pub fn new(parties: RelyingParties, issuers: TrustedIssuers, clock: Clock) -> Self {
        Self { parties, verifier: TokenVerifier::new(issuers, clock.clone()), clock }
    }

    /// Starts a sign-in. `prompt` as in OIDC Core section 3.1.2.1. Fails if sign-in is not enabled or discovery fails.
    pub async fn begin(&self, redirect_uri: &str, prompt: Option<&str>) -> Result<LoginRequest, LoginError> {
        let login = self.parties.current()?;
        let (url, pending) = login.party.authorization_url(redirect_uri, prompt).await?;
        Ok(LoginRequest { url, pending })
    }

    /// Checks that `answer`, a code or an error, is the provider's response to `pending` (OIDC Core section 3.1.2.7, RFC 9207
    /// section 2.4).
    pub async fn check(&self, pending: &PendingLogin, answer: &LoginAnswer) -> Result<(), LoginError> {
        let login = self.parties.current()?;
        if !pending.is_answered_by(answer.state.as_deref()) || pending.issuer() != login.issuer.settings.issuer {
            return Err(LoginError::NotOurs);
        }
        let is_named = match answer.issuer.as_deref() {
            Some(named) => login.issuer.settings.trusted_names().iter().any(|(name, _)| name == named),
            None => !login.party.names_issuer().await?,
        };
        if is_named { Ok(()) } else { Err(LoginError::NotOurs) }
    }

    /// Completes a sign-in with a code that passed [`check`](Self::check). Fails if the grant or a token is rejected.
    pub async fn complete(
        &self,
        pending: &PendingLogin,
        code: &str,
        redirect_uri: &str,
    ) -> Result<SignedIn, LoginError> {
        let login = self.parties.current()?;
        // A reload since the check may have moved sign-in to another issuer, which must not get this code.
        if pending.issuer() != login.issuer.settings.issuer {
            return Err(LoginError::NotOurs);
        }
        let tokens = login.party.redeem(code, pending.verifier(), redirect_uri).await?;
        let id_token = tokens.id_token.as_ref().ok_or(Rejection::NotASignedJwt)?;
        let verified = self.verify(&login, id_token, &tokens, Some(pending.nonce())).await?;
        let claims = self.claims(&login, &verified, &tokens).await?;
        let now = self.clock.now();
        let issued_at = verified.validity.issued_at.unwrap_or(now);
        Ok(SignedIn {
            kept: SessionClaims::of(&claims, now),
            claims: Arc::new(claims),
            provider_subject: verified.provider_subject,
            provider_session: verified.provider_session,
            issued_at,
            good_until: tokens.expires_in.map_or(verified.validity.expires_at, |lifetime| later(now, lifetime)),
            refresh_token: tokens.refresh_token,
            id_token: id_token.clone(),
        })
    }

    /// Refreshes a sign-in at the provider. Claims that the response does not repeat stay unchanged; their age is
    /// [`SessionClaims::roles_received_at`].
    pub async fn refresh(&self, before: &SessionClaims, refresh_token: &SecretString) -> Result<Refreshed, LoginError> {
        let login = self.parties.current()?;
        let (tokens, now) = (login.party.refresh(refresh_token).await?, self.clock.now());
        let kept = match &tokens.id_token {
            Some(id_token) => {
                let verified = self.verify(&login, id_token, &tokens, None).await?;
                SessionClaims::of(&self.claims(&login, &verified, &tokens).await?, now)
            }
            None => match self.access_claims(&tokens).await? {
                Some(claims) => before.with_rights_of(&claims, now),
                None => before.clone(),
            },
        };
        // OIDC Core section 12.2: it must still be the same user.
        if !kept.is_same_user(before) {
            return Err(Rejection::BadSubject.into());
        }
        Ok(Refreshed { kept, refresh_token: tokens.refresh_token, id_token: tokens.id_token })
    }

    /// Restores stored claims under the current configuration; `None` if their issuer is no longer trusted or no longer configured for
    /// browser sign-in.
    pub fn restore(&self, kept: &SessionClaims, ends_at: DateTime<Utc>) -> Option<Claims> {
        let login = self.parties.current().ok()?;
        let names = login.issuer.settings.canonical_issuers();
        names.contains(&kept.issuer).then(|| kept.restore(&login.issuer, ends_at))
    }

    /// Returns the URL for logout at the provider (RP-Initiated Logout section 2); `None` if the provider has none.
    pub async fn end_session_url(&self, id_token: Option<&SecretString>, after: Option<&Url>) -> Option<Url> {
        self.parties.current().ok()?.party.end_session_url(id_token, after).await
    }

    /// Verifies a logout token and returns its content (Back-Channel Logout section 2.6).
    pub async fn read_logout_token(&self, token: &str) -> Result<LogoutNotice, LoginError> {
        let login = self.parties.current()?;
        Ok(logout::read(&login, token, self.clock.now()).await?)
    }

    async fn verify(
        &self,
        login: &LoginIssuer,
        id_token: &SecretString,
        tokens: &Tokens,
        nonce: Option<&Nonce>,
    ) -> Result<VerifiedIdToken, Rejection> {
        let access_token = tokens.access_token.expose_secret();
        id_token::verify(login, id_token.expose_secret(), access_token, nonce, self.clock.now()).await
    }

    /// Returns the claims of the sign-in, with the roles of the access token if this service would accept it.
    async fn claims(
        &self,
        login: &LoginIssuer,
        verified: &VerifiedIdToken,
        tokens: &Tokens,
    ) -> Result<Claims, Rejection> {
        let claims = verified.claims(login);
        match self.access_claims(tokens).await? {
            Some(access) if access.issuer() == claims.issuer() && access.subject() == claims.subject() => {
                Ok(Claims { roles: access.roles, scopes: access.scopes, ..claims })
            }
            _ => {
                // The operator's requirements on access tokens apply to the ID token that replaces one.
                login.issuer.require(&verified.claims)?;
                Ok(claims)
            }
        }
    }

    /// Returns the claims of the access token, if it is for this service. A token for another audience is valid OAuth and not an error.
    async fn access_claims(&self, tokens: &Tokens) -> Result<Option<Claims>, Rejection> {
        match self.verifier.examine(tokens.access_token.expose_secret(), |_| {}).await {
            Ok(claims) => Ok(Some(claims)),
            Err(unmet @ Rejection::RequirementUnmet(_)) => Err(unmet),
            Err(outage) if outage.is_our_outage() => Err(outage),
            Err(_) => Ok(None),
        }
    }
}

/// Adds a provider's number to `now`. Returns the maximum time on overflow.
fn later(now: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
