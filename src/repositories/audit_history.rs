//! What the audit trail says of one principal, as somebody who did things and as somebody to whom things were done.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::{AuditEvent, AuditTarget, PrincipalId};
use crate::schema::{audit_events, audit_repetitions};

/// The events that name a principal, oldest first, each with how often it was repeated.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<(AuditEvent, Option<i64>)>> {
    audit_events::table
        .left_join(audit_repetitions::table.on(audit_repetitions::event_id.eq(audit_events::id)))
        .filter(audit_events::actor.eq(principal).or(audit_events::target.eq(AuditTarget::from(principal))))
        .order((audit_events::at, audit_events::id))
        .select((AuditEvent::as_select(), audit_repetitions::times.nullable()))
        .load(conn)
}
