//! What the audit trail says of one principal, as somebody who did things and as somebody to whom things were done.

use diesel::prelude::*;

use crate::database::{DbConnection, MultiBackend};
use crate::models::{Changes, Moment, PrincipalId};
use crate::schema::audit_events;

/// An event of the trail.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(MultiBackend))]
pub struct PastEvent {
    /// When.
    pub at: Moment,
    /// Who; `None` for the command line and the service itself.
    pub actor: Option<String>,
    /// By which client.
    pub client: Option<String>,
    /// What.
    pub action: String,
    /// On whom or what.
    pub target: String,
    /// With what outcome.
    pub outcome: String,
    /// In which request.
    pub request_id: Option<String>,
    /// What changed.
    pub changes: Changes,
}

/// The events that name a principal, oldest first.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<PastEvent>> {
    let name = principal.to_string();
    audit_events::table
        .filter(audit_events::actor.eq(&name).or(audit_events::target.eq(&name)))
        .order((audit_events::at, audit_events::id))
        .select(PastEvent::as_select())
        .load(conn)
}
