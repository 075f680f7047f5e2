//! The audit events of one principal, as actor and as target.

use diesel::QueryResult;

use crate::database::DbConnection;
use crate::models::{AuditEvent, AuditFilter, AuditOrder, AuditPlace, AuditTarget, PrincipalId};

use super::audit_events;

/// Returns up to `limit` events that name a principal, oldest first, starting after `after`.
///
/// Two queries, each over its own index: a single one with OR would sort the whole history for every page.
pub fn list(
    conn: &mut DbConnection,
    principal: PrincipalId,
    after: Option<AuditPlace>,
    limit: i64,
) -> QueryResult<Vec<AuditEvent>> {
    let as_actor = AuditFilter { actor: Some(principal), ..AuditFilter::default() };
    let as_target = AuditFilter { target: Some(AuditTarget::from(principal)), ..AuditFilter::default() };
    let mut events = audit_events::list(conn, &as_actor, AuditOrder::OldestFirst, after, limit)?;
    events.extend(audit_events::list(conn, &as_target, AuditOrder::OldestFirst, after, limit)?);
    events.sort_by_key(|event| (event.at, event.id));
    events.dedup_by_key(|event| event.id);
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(events)
}
