//! The trace of what an admin was refused.

use chrono::TimeDelta;

use crate::database::{Database, DbConnection, Invalidates};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, Outcome};
use crate::repositories::audit_events;

use super::{Actor, Failure};

/// How long the same act, refused again, is counted with its first refusal.
const COUNT_FOR: TimeDelta = TimeDelta::minutes(1);

/// Adds to the audit trail that `failure` refused the act, if it is such a refusal: insufficient rights, the last admin, or an actor's own
/// identity or rights.
///
/// The refused transaction left nothing behind, so its trace takes one of its own. Losing it does not change the answer.
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
        tracing::warn!(%failure, %action, "a refusal could not be added to the audit trail");
    }
}

/// Whoever tries again and again leaves one event a minute, with a count.
fn append_or_count(conn: &mut DbConnection, event: &AuditEvent) -> Result<(), Failure> {
    let since = Moment::from(event.at.utc() - COUNT_FOR);
    match audit_events::find_refusal(conn, event, since)? {
        Some(first) => audit_events::count_repetition(conn, first)?,
        None => audit_events::append(conn, event)?,
    }
    Ok(())
}
