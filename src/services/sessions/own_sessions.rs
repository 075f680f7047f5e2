//! A user's own sessions: list and end.

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::database::{Database, Invalidates};
use crate::models::{AuditAction, Moment, PrincipalId, Session};
use crate::redacted::redact_debug;
use crate::repositories::{audit_events, sessions};
use crate::services::{Actor, Failure};

use super::lifetime::is_over;

/// A session as shown to its owner. It holds no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The id of the session, which is not its cookie.
    pub id: String,
    /// The browser's `User-Agent`.
    pub device: Option<String>,
    /// When the session began.
    pub created_at: Moment,
    /// When the session was last used, to the minute.
    pub last_used_at: Moment,
    /// When the provider last confirmed the session.
    pub confirmed_at: Moment,
    /// When the session ends at the latest.
    pub ends_at: Moment,
    /// When the session ends unless it is used.
    pub idle_ends_at: Moment,
}

redact_debug!(SessionView);

impl SessionView {
    pub(super) fn of(session: &Session, idle: TimeDelta) -> Self {
        let idle_ends_at = Moment::from(session.last_used_at.utc() + idle);
        Self {
            id: session.id.clone(),
            device: session.device.clone(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            confirmed_at: session.proved_at,
            ends_at: session.ends_at,
            idle_ends_at: idle_ends_at.min(session.ends_at),
        }
    }
}

/// The own sessions of a user. Works without browser sign-in: then the list is empty. Cheap to clone.
#[derive(Clone)]
pub struct MySessionService {
    database: Database,
    clock: Clock,
    idle: TimeDelta,
}

impl MySessionService {
    /// The service over `database`. Sessions that are unused for `idle` have ended.
    pub fn new(database: Database, clock: Clock, idle: TimeDelta) -> Self {
        Self { database, clock, idle }
    }

    /// The sessions of a principal, oldest first.
    pub async fn list(&self, principal: PrincipalId) -> Result<Vec<SessionView>, Failure> {
        let (now, idle) = (self.clock.now(), self.idle);
        let all = self.database.read(move |conn| Ok::<_, Failure>(sessions::list(conn, principal)?)).await?;
        let active = all.iter().filter(|session| !is_over(session, idle, now));
        Ok(active.map(|session| SessionView::of(session, idle)).collect())
    }

    /// Ends one session of the actor. Does nothing if the session does not exist or belongs to another principal.
    pub async fn end(&self, actor: &Actor, id: String) -> Result<(), Failure> {
        self.end_one_or_all(actor, Some(id)).await
    }

    /// Ends every session of the actor.
    pub async fn end_all(&self, actor: &Actor) -> Result<(), Failure> {
        self.end_one_or_all(actor, None).await
    }

    /// Deletes the sessions that have expired. Returns their number.
    pub async fn purge(&self) -> Result<usize, Failure> {
        let (now, unused_since) = (self.clock.now(), self.clock.now() - self.idle);
        let purged = self.database.write_concurrently(move |conn| {
            Ok::<_, Failure>((sessions::delete_over(conn, now.into(), unused_since.into())?, Invalidates::Nothing))
        });
        purged.await
    }

    async fn end_one_or_all(&self, actor: &Actor, one: Option<String>) -> Result<(), Failure> {
        let Some(principal) = actor.principal() else { return Ok(()) };
        let (actor, now) = (actor.clone(), Moment::from(self.clock.now()));
        let ended = self.database.write_concurrently(move |conn| {
            let ended = match &one {
                Some(id) => usize::from(sessions::delete(conn, principal, id)?),
                None => sessions::delete_all(conn, principal)?,
            };
            if ended > 0 {
                let event = actor.event(now, AuditAction::EndSession, principal);
                let event = match one {
                    Some(id) => event.with("session", id),
                    None => event.with("sessions", ended),
                };
                audit_events::append(conn, &event)?;
            }
            Ok::<_, Failure>(((), Invalidates::Nothing))
        });
        ended.await
    }
}
