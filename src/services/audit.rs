//! Listing, exporting and pruning the audit trail. Pruning is the only way to remove events.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, Utc};

use crate::clock::Clock;
use crate::database::{Database, DbConnection, Invalidates};
use crate::models::{AuditAction, AuditEvent, AuditFilter, AuditOrder, AuditPlace, AuditTarget, Moment};
use crate::repositories::audit_events;

use super::{Actor, Failure, Page};

/// An event of the trail with its count. The same refusal repeated within a minute is counted on one event.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The event.
    pub event: AuditEvent,
    /// The number of occurrences.
    pub count: i64,
}

/// The use cases of the audit trail. Cheap to clone.
#[derive(Clone)]
pub struct AuditService {
    database: Database,
    clock: Clock,
}

impl AuditService {
    /// Creates the service over `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Returns up to `limit` events that match `filter`, in `order`, starting after `after`.
    pub async fn list(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        after: Option<AuditPlace>,
        limit: u16,
    ) -> Result<Page<AuditEntry, AuditPlace>, Failure> {
        self.database
            .read(move |conn| {
                let found = audit_events::list(conn, &filter, order, after, i64::from(limit) + 1)?;
                let Page { items, next } = Page::cut(found, limit, AuditEvent::place);
                Ok(Page { items: with_counts(conn, items)?, next })
            })
            .await
    }

    /// Records an export of the trail, with the `since` and `until` of `filter`.
    pub async fn note_export(&self, actor: &Actor, filter: &AuditFilter) -> Result<(), Failure> {
        let bound = |moment: Option<Moment>| moment.map(|moment| moment.utc().to_rfc3339());
        let event = actor
            .event(self.clock.now().into(), AuditAction::ExportAudit, AuditTarget::trail())
            .with("since", bound(filter.since))
            .with("until", bound(filter.until));
        self.database
            .write_invalidating(move |conn| Ok((audit_events::append(conn, &event)?, Invalidates::Nothing)))
            .await
    }

    /// Removes the events before `before`, truncated to the second, and returns their number. Appends a prune event first: without one,
    /// the database rejects the deletion. Fails with [`Failure::Invalid`] if `before` is in the future.
    pub async fn prune(&self, actor: &Actor, before: DateTime<Utc>) -> Result<usize, Failure> {
        let (now, before) = (self.clock.now(), before.trunc_subsecs(0));
        if before > now {
            return Err(Failure::Invalid { field: "before", reason: "must be in the past" });
        }
        let event = actor.event(now.into(), AuditAction::PruneAudit, AuditTarget::trail());
        self.database
            .write(move |conn| {
                let before = Moment::from(before);
                let count = audit_events::count_before(conn, before)?;
                let event = event.with("before", before.utc().to_rfc3339()).with("count", count);
                audit_events::append(conn, &event)?;
                Ok(audit_events::delete_before(conn, before)?)
            })
            .await
    }
}

pub(super) fn with_counts(conn: &mut DbConnection, events: Vec<AuditEvent>) -> Result<Vec<AuditEntry>, Failure> {
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let repetitions: HashMap<_, _> = audit_events::list_repetitions(conn, &ids)?.into_iter().collect();
    let count = |event: &AuditEvent| repetitions.get(&event.id).unwrap_or(&0) + 1;
    Ok(events.into_iter().map(|event| AuditEntry { count: count(&event), event }).collect())
}
