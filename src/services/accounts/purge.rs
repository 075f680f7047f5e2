//! Permanent removal of principals 30 days after deletion: all personal data is removed; a tombstone of each user identity remains.

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::database::{Database, DbConnection};
use crate::models::{AuditAction, AuditEvent, Principal, PrincipalKind};
use crate::repositories::{audit_events, identities, principals};

use super::deletion::RESTORABLE_FOR;
use super::tombstones;
use crate::services::Failure;

/// The maximum number of principals purged per transaction, so that other writers do not wait long.
const BATCH_SIZE: i64 = 100;

/// Purges principals that are due. Cheap to clone.
#[derive(Clone)]
pub struct PurgeService {
    database: Database,
    clock: Clock,
}

impl PurgeService {
    /// Creates the service over `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Purges the principals that were deleted 30 days ago or earlier. Returns their number.
    pub async fn run(&self) -> Result<usize, Failure> {
        let now = self.clock.now();
        let mut purged = 0;
        // A read transaction checks first: on most days nothing is due, and the purge does not block writers.
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
    let due = principals::list_deleted(conn, (now - RESTORABLE_FOR).into(), BATCH_SIZE)?;
    for principal in &due {
        purge(conn, principal, now)?;
    }
    Ok(due.len())
}

fn purge(conn: &mut DbConnection, principal: &Principal, now: DateTime<Utc>) -> Result<(), Failure> {
    // A service account needs no tombstone: first contact never creates one, only a registration does.
    let action = match principal.kind {
        PrincipalKind::Machine => AuditAction::PurgeServiceAccount,
        PrincipalKind::Human => {
            for identity in identities::list(conn, principal.id)? {
                tombstones::add(conn, &identity.key(), principal.id, now.into())?;
            }
            AuditAction::PurgeUser
        }
    };
    principals::purge(conn, principal.id)?;
    Ok(audit_events::append(conn, &AuditEvent::new(now.into(), action, principal.id))?)
}
