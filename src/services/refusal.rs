//! Audit events of refused administrative actions.

use chrono::TimeDelta;

use crate::database::{Database, DbConnection, Invalidates};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, Outcome};
use crate::repositories::audit_events;

use super::{Actor, Failure};

/// How long a repeated refusal of the same action is counted in the event of its first refusal.
const COUNT_FOR: TimeDelta = TimeDelta::minutes(1);

/// Adds an audit event for `failure` if it is a refusal of this kind: insufficient rights, the last administrator, or the actor's own
/// identity or rights.
///
/// The refused transaction is rolled back, so the event takes a separate one. Losing the event does not change the response.
pub(super) async fn record(
    database: &Database,
    actor: &Actor,
    action: AuditAction,
    target: AuditTarget,
    now: Moment,
    failure: &Failure,
) {
    let is_recorded = matches!(
        failure,
        Failure::InsufficientPrivilege { .. }
            | Failure::InsufficientScope { .. }
            | Failure::LastAdmin
            | Failure::OwnIdentity
            | Failure::OwnRights
    );
    if !is_recorded {
        return;
    }
    let mut event = actor.event(now, action, target).with("refusal", failure.to_string());
    event.outcome = Outcome::Refused;
    let append = move |conn: &mut DbConnection| Ok((append_or_count(conn, &event)?, Invalidates::Nothing));
    if let Err(failure) = database.write_invalidating::<_, Failure, _>(append).await {
        tracing::warn!(%failure, %action, "failed to add a refusal to the audit trail");
    }
}

/// Repeated attempts leave one event per minute, with a count.
fn append_or_count(conn: &mut DbConnection, event: &AuditEvent) -> Result<(), Failure> {
    let since = Moment::from(event.at.utc() - COUNT_FOR);
    match audit_events::find_refusal(conn, event, since)? {
        Some(first) => audit_events::count_repetition(conn, first)?,
        None => audit_events::append(conn, event)?,
    }
    Ok(())
}
