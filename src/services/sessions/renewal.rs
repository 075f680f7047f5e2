//! The provider is asked, once in a while, whether it still stands by a session.
//!
//! Whoever finds it due leases the row, so that over all replicas one asks, and nobody shows a refresh token twice: to many providers that
//! is a theft. The others go on meanwhile with what is known.

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument;

use crate::database::Invalidates;
use crate::models::{Moment, Session, SessionRenewal};
use crate::oidc::{LoginError, Refreshed, SessionClaims};
use crate::repositories::sessions;
use crate::services::Failure;

use super::{Secret, SessionService, json};

/// How long what the provider said is good.
const ASK_EVERY: TimeDelta = TimeDelta::minutes(10);
/// How much longer, while it can't be asked.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// How long the row is left to whoever asks: longer than an answer may take, and the pause after one that did not come.
const LEASE: TimeDelta = TimeDelta::seconds(30);

impl SessionService {
    /// The session, with the provider's word on it if that was due. Fails when the provider does not stand by it any more.
    pub(super) async fn renewed(&self, session: Session) -> Result<Session, Failure> {
        let now = self.now();
        let is_leased = session.leased_until.is_some_and(|until| now < until.utc());
        if session.refresh_token.is_none() || is_leased || now < session.proved_at.utc() + ASK_EVERY {
            return Ok(session);
        }
        if !self.lease(&session, now).await? {
            return Ok(session);
        }
        // A browser that goes away meanwhile must not take the new refresh token with it.
        let service = self.clone();
        let asking = tokio::spawn(async move { service.ask(session, now).await }.in_current_span());
        asking.await.map_err(|_| Failure::ProviderUnavailable)?
    }

    async fn lease(&self, session: &Session, now: DateTime<Utc>) -> Result<bool, Failure> {
        let (id, proved_at) = (session.id.clone(), session.proved_at);
        let leased = self.0.database.write_concurrently(move |conn| {
            let is_ours = sessions::lease(conn, &id, proved_at, now.into(), (now + LEASE).into())?;
            Ok::<_, Failure>((is_ours, Invalidates::Nothing))
        });
        leased.await
    }

    async fn ask(&self, session: Session, now: DateTime<Utc>) -> Result<Session, Failure> {
        let kept = self.kept_claims(&session);
        let refresh_token = session.refresh_token.as_deref();
        let refresh_token = refresh_token
            .and_then(|encrypted| self.0.encryptor.decrypt(&Secret::RefreshToken.place(&session.id), encrypted));
        // Sealed by a key that is gone.
        let (Some(kept), Some(refresh_token)) = (kept, refresh_token) else { return self.end(session).await };
        match self.0.login.refresh(&kept, &refresh_token).await {
            Ok(refreshed) if self.has_old_roles(&refreshed.kept, now) => {
                tracing::info!(
                    session = session.id,
                    "the identity provider stands by a session and no longer says which roles its person has"
                );
                self.end(session).await
            }
            Ok(refreshed) => self.save(session, refreshed, now).await,
            Err(error) if is_outage(&error) => {
                tracing::warn!(session = session.id, %error, "the identity provider could not be asked about a session");
                let is_too_long = now >= session.proved_at.utc() + ASK_EVERY + GRACE;
                if is_too_long { self.end(session).await } else { Ok(session) }
            }
            Err(error) => {
                tracing::info!(session = session.id, %error, "the identity provider does not stand by a session any more");
                self.end(session).await
            }
        }
    }

    /// Whether the roles that the provider once told are too old to be relied on. Nothing tells whether it has taken them away since, so
    /// the person signs in again.
    fn has_old_roles(&self, kept: &SessionClaims, now: DateTime<Utc>) -> bool {
        kept.roles_told_at().is_some_and(|told_at| now >= told_at + self.0.settings.roles)
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
        let (id, claims, proved_at) = (session.id.clone(), renewal.claims.clone(), renewal.proved_at);
        let saved = self.0.database.write_concurrently(move |conn| {
            Ok::<_, Failure>((sessions::renew(conn, &id, &renewal)?, Invalidates::Nothing))
        });
        // Ended meanwhile.
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

/// Whether it says nothing of the session.
fn is_outage(error: &LoginError) -> bool {
    match error {
        LoginError::Unavailable(_) | LoginError::Misconfigured(_) => true,
        LoginError::Token(rejection) => rejection.is_our_outage(),
        LoginError::Off | LoginError::NotOurs | LoginError::Refused => false,
    }
}
