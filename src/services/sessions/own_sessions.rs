//! A person's own sessions: seen, and ended, by whoever holds them.

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::database::{Database, Invalidates};
use crate::models::{AuditAction, Moment, PrincipalId, Session};
use crate::redacted::redact_debug;
use crate::repositories::{audit_events, sessions};
use crate::services::{Actor, Failure};

use super::is_over;

/// A session as its owner sees it. Nothing of it opens anything.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionView {
    /// What it is called.
    pub id: String,
    /// What the browser called itself.
    pub device: Option<String>,
    /// When it began.
    pub created_at: Moment,
    /// When it was last used, to the minute.
    pub last_used_at: Moment,
    /// When the provider last stood by it.
    pub confirmed_at: Moment,
    /// When it ends at the latest.
    pub ends_at: Moment,
    /// When it ends unless it is used.
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

/// A person's own sessions. It is there whether or not anybody can sign in: without that there just are none. Cheap to clone.
#[derive(Clone)]
pub struct MySessionService {
    database: Database,
    clock: Clock,
    idle: TimeDelta,
}

impl MySessionService {
    /// The service over `database`, where sessions end that nobody has used for `idle`.
    pub fn new(database: Database, clock: Clock, idle: TimeDelta) -> Self {
        Self { database, clock, idle }
    }

    /// The sessions of a principal, oldest first.
    pub async fn list(&self, principal: PrincipalId) -> Result<Vec<SessionView>, Failure> {
        let (now, idle) = (self.clock.now(), self.idle);
        let all = self.database.read(move |conn| Ok::<_, Failure>(sessions::list(conn, principal)?)).await?;
        let going_on = all.iter().filter(|session| !is_over(session, idle, now));
        Ok(going_on.map(|session| SessionView::of(session, idle)).collect())
    }

    /// Ends one session of the actor's. One that is not there, or not theirs, is none: nothing happens.
    pub async fn end(&self, actor: &Actor, id: String) -> Result<(), Failure> {
        self.end_some(actor, Some(id)).await
    }

    /// Ends every session of the actor's.
    pub async fn end_all(&self, actor: &Actor) -> Result<(), Failure> {
        self.end_some(actor, None).await
    }

    /// Removes the sessions that have ended by themselves. Returns how many.
    pub async fn purge(&self) -> Result<usize, Failure> {
        let (now, unused_since) = (self.clock.now(), self.clock.now() - self.idle);
        let purged = self.database.write_concurrently(move |conn| {
            Ok::<_, Failure>((sessions::delete_over(conn, now.into(), unused_since.into())?, Invalidates::Nothing))
        });
        purged.await
    }

    async fn end_some(&self, actor: &Actor, one: Option<String>) -> Result<(), Failure> {
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
