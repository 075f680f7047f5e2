//! Removing for good who was deleted 30 days ago: everything personal goes, a tombstone of each identity stays.

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::database::{Database, DbConnection};
use crate::models::{AuditAction, AuditEvent, Principal, PrincipalKind};
use crate::repositories::{audit_events, identities, principals};

use super::deletion::RESTORABLE_FOR;
use super::{Failure, tombstones};

/// How many are purged in one transaction, so that nobody waits long for their turn to write.
const BATCH: i64 = 100;

/// Purges whoever is due. Cheap to clone.
#[derive(Clone)]
pub struct PurgeService {
    database: Database,
    clock: Clock,
}

impl PurgeService {
    /// The service over `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Purges whoever was deleted 30 days ago or earlier. Returns how many.
    pub async fn run(&self) -> Result<usize, Failure> {
        let now = self.clock.now();
        let mut purged = 0;
        // Looked for by a reader, so that on most days nobody waits for their turn to write because of this.
        while self.database.read(move |conn| is_any_due(conn, now)).await? {
            purged += self.database.write_unbounded(move |conn| purge_some(conn, now)).await?;
        }
        Ok(purged)
    }
}

fn is_any_due(conn: &mut DbConnection, now: DateTime<Utc>) -> Result<bool, Failure> {
    Ok(!principals::list_deleted(conn, (now - RESTORABLE_FOR).into(), 1)?.is_empty())
}

fn purge_some(conn: &mut DbConnection, now: DateTime<Utc>) -> Result<usize, Failure> {
    let due = principals::list_deleted(conn, (now - RESTORABLE_FOR).into(), BATCH)?;
    for principal in &due {
        purge(conn, principal, now)?;
    }
    Ok(due.len())
}

fn purge(conn: &mut DbConnection, principal: &Principal, now: DateTime<Utc>) -> Result<(), Failure> {
    // A program comes only if it is registered anew, so nothing has to keep it out.
    let action = match principal.kind {
        PrincipalKind::Machine => AuditAction::PurgeServiceAccount,
        PrincipalKind::Human => {
            for identity in identities::list(conn, principal.id)? {
                tombstones::raise(conn, &identity.key(), principal.id, now.into())?;
            }
            AuditAction::PurgeUser
        }
    };
    principals::purge(conn, principal.id)?;
    Ok(audit_events::append(conn, &AuditEvent::new(now.into(), action, principal.id))?)
}
