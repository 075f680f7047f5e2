//! Refresh of sessions: the provider is asked periodically to confirm a session.
//!
//! The request that finds a refresh due leases the row, so that only one replica refreshes and no refresh token is used twice: many
//! providers treat reuse as theft. Other requests continue with the stored claims meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument;

use crate::database::Invalidates;
use crate::models::{Moment, Session, SessionRenewal};
use crate::oidc::{LoginError, Refreshed, SessionClaims};
use crate::repositories::sessions;
use crate::services::Failure;

use super::{Secret, SessionService, json};

/// The interval between refreshes.
const REFRESH_EVERY: TimeDelta = TimeDelta::minutes(10);
/// How much longer a session stays valid while the provider is unavailable.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// The duration of the lease: longer than a response may take, and the pause after a refresh that got none.
const LEASE: TimeDelta = TimeDelta::seconds(30);

impl SessionService {
    /// Returns the session, refreshed if that was due. Fails with [`Failure::SessionEnded`] when the provider no longer confirms it.
    pub(super) async fn renewed(&self, session: Session) -> Result<Session, Failure> {
        let now = self.now();
        let is_leased = session.leased_until.is_some_and(|until| now < until.utc());
        if session.refresh_token.is_none() || is_leased || now < session.proved_at.utc() + REFRESH_EVERY {
            return Ok(session);
        }
        if !self.lease(&session, now).await? {
            return Ok(session);
        }
        // Spawned, so that the new refresh token is not lost when the browser disconnects.
        let service = self.clone();
        let refreshing = tokio::spawn(async move { service.refresh(session, now).await }.in_current_span());
        refreshing.await.map_err(|_| Failure::ProviderUnavailable)?
    }

    async fn lease(&self, session: &Session, now: DateTime<Utc>) -> Result<bool, Failure> {
        let (id, proved_at) = (session.id.clone(), session.proved_at);
        let leased = self.0.database.write_concurrently(move |conn| {
            let is_leased = sessions::lease(conn, &id, proved_at, now.into(), (now + LEASE).into())?;
            Ok::<_, Failure>((is_leased, Invalidates::Nothing))
        });
        leased.await
    }

    async fn refresh(&self, session: Session, now: DateTime<Utc>) -> Result<Session, Failure> {
        let kept = self.kept_claims(&session);
        let refresh_token = session.refresh_token.as_deref();
        let refresh_token = refresh_token
            .and_then(|encrypted| self.0.encryptor.decrypt(&Secret::RefreshToken.context(&session.id), encrypted));
        // They cannot be decrypted: the key is no longer configured.
        let (Some(kept), Some(refresh_token)) = (kept, refresh_token) else { return self.end(session).await };
        match self.0.login.refresh(&kept, &refresh_token).await {
            Ok(refreshed) if self.has_old_roles(&refreshed.kept, now) => {
                tracing::info!(
                    session = session.id,
                    "ended a session: the identity provider confirms it but no longer returns the user's roles"
                );
                self.end(session).await
            }
            Ok(refreshed) => self.save(session, refreshed, now).await,
            Err(error) if is_outage(&error) => {
                tracing::warn!(session = session.id, %error, "failed to refresh a session at the identity provider");
                let is_too_long = now >= session.proved_at.utc() + REFRESH_EVERY + GRACE;
                if is_too_long { self.end(session).await } else { Ok(session) }
            }
            Err(error) => {
                tracing::info!(session = session.id, %error, "the identity provider no longer confirms a session");
                self.end(session).await
            }
        }
    }

    /// Whether the provider's last roles are too old. They may have been revoked since, so the user has to sign in again.
    fn has_old_roles(&self, kept: &SessionClaims, now: DateTime<Utc>) -> bool {
        kept.roles_received_at().is_some_and(|received_at| now >= received_at + self.0.settings.roles)
    }

    async fn save(&self, session: Session, refreshed: Refreshed, now: DateTime<Utc>) -> Result<Session, Failure> {
        let Refreshed { kept, refresh_token, id_token } = refreshed;
        let encrypt =
            |secret: Secret, token: Option<_>| token.map(|token| self.encrypt(secret, &session.id, &token)).transpose();
        let renewal = SessionRenewal {
            claims: self.encrypt(Secret::Claims, &session.id, &json(&kept)?)?,
            refresh_token: encrypt(Secret::RefreshToken, refresh_token)?,
            id_token: encrypt(Secret::IdToken, id_token)?,
            proved_at: Moment::from(now),
        };
        let id = session.id.clone();
        let claims = renewal.claims.clone();
        let proved_at = renewal.proved_at;
        let saved = self.0.database.write_concurrently(move |conn| {
            Ok::<_, Failure>((sessions::renew(conn, &id, &renewal)?, Invalidates::Nothing))
        });
        // The session was ended during the refresh.
        if !saved.await? {
            return Err(Failure::SessionEnded);
        }
        self.0.counts.renewed.add_one();
        Ok(Session { claims, proved_at, ..session })
    }

    async fn end(&self, session: Session) -> Result<Session, Failure> {
        let ended = self.0.database.write_concurrently(move |conn| {
            sessions::delete(conn, session.principal_id, &session.id)?;
            Ok::<_, Failure>(((), Invalidates::Nothing))
        });
        ended.await?;
        self.0.counts.withdrawn.add_one();
        Err(Failure::SessionEnded)
    }
}

/// Whether the error does not mean that the session has ended.
fn is_outage(error: &LoginError) -> bool {
    match error {
        LoginError::Unavailable(_) | LoginError::Misconfigured(_) => true,
        LoginError::Token(rejection) => rejection.is_our_outage(),
        LoginError::Off | LoginError::NotOurs | LoginError::Refused => false,
    }
}
