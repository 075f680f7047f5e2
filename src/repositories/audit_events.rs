//! The audit trail.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::AuditEvent;
use crate::schema::audit_events;

/// Adds an event. There is no other way to touch the table.
pub fn append(conn: &mut DbConnection, event: &AuditEvent) -> QueryResult<()> {
    diesel::insert_into(audit_events::table).values(event).execute(conn)?;
    Ok(())
}
