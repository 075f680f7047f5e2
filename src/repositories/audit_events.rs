//! Events of the audit trail.

use diesel::prelude::*;

use crate::database::{DbConnection, MultiBackend, directly};
use crate::models::{AuditEvent, AuditEventId, AuditFilter, AuditOrder, AuditPlace, Moment, Outcome};
use crate::schema::{audit_events, audit_repetitions};

/// Inserts an event. The database rejects any update, and any deletion that no prune event covers.
pub fn append(conn: &mut DbConnection, event: &AuditEvent) -> QueryResult<()> {
    let added = diesel::insert_into(audit_events::table).values(event);
    directly!(conn => added.execute(conn))?;
    Ok(())
}

/// Returns the last refusal since `since` with the same actor, action and target as `event`.
pub fn find_refusal(conn: &mut DbConnection, event: &AuditEvent, since: Moment) -> QueryResult<Option<AuditEventId>> {
    let mut refusals = audit_events::table
        .filter(audit_events::target.eq(&event.target))
        .filter(audit_events::at.ge(since))
        .filter(audit_events::action.eq(event.action))
        .filter(audit_events::outcome.eq(Outcome::Refused))
        .order((audit_events::at.desc(), audit_events::id.desc()))
        .select(audit_events::id)
        .into_boxed();
    refusals = match event.actor {
        Some(actor) => refusals.filter(audit_events::actor.eq(actor)),
        None => refusals.filter(audit_events::actor.is_null()),
    };
    refusals.first(conn).optional()
}

/// Increments the repetition count of an event.
pub fn count_repetition(conn: &mut DbConnection, event: AuditEventId) -> QueryResult<()> {
    let counted = diesel::update(audit_repetitions::table.find(event))
        .set(audit_repetitions::times.eq(audit_repetitions::times + 1))
        .execute(conn)?;
    if counted == 0 {
        let first = (audit_repetitions::event_id.eq(event), audit_repetitions::times.eq(1));
        diesel::insert_into(audit_repetitions::table).values(first).execute(conn)?;
    }
    Ok(())
}

/// Returns the repetition counts of `events`, without events that were not repeated.
pub fn list_repetitions(conn: &mut DbConnection, events: &[AuditEventId]) -> QueryResult<Vec<(AuditEventId, i64)>> {
    audit_repetitions::table.filter(audit_repetitions::event_id.eq_any(events)).load(conn)
}

/// Returns up to `limit` events that match `filter`, in `order`, starting after `after`.
pub fn list(
    conn: &mut DbConnection,
    filter: &AuditFilter,
    order: AuditOrder,
    after: Option<AuditPlace>,
    limit: i64,
) -> QueryResult<Vec<AuditEvent>> {
    let mut events = filtered(filter).limit(limit);
    events = match order {
        AuditOrder::NewestFirst => events.order((audit_events::at.desc(), audit_events::id.desc())),
        AuditOrder::OldestFirst => events.order((audit_events::at, audit_events::id)),
    };
    // The condition on the time alone bounds the index scan; the second one orders events of the same time by id.
    if let Some(AuditPlace { at, id }) = after {
        events = match order {
            AuditOrder::NewestFirst => {
                events.filter(audit_events::at.le(at)).filter(audit_events::at.lt(at).or(audit_events::id.lt(id)))
            }
            AuditOrder::OldestFirst => {
                events.filter(audit_events::at.ge(at)).filter(audit_events::at.gt(at).or(audit_events::id.gt(id)))
            }
        };
    }
    events.select(AuditEvent::as_select()).load(conn)
}

fn filtered(filter: &AuditFilter) -> audit_events::BoxedQuery<'_, MultiBackend> {
    let mut events = audit_events::table.into_boxed();
    if let Some(actor) = filter.actor {
        events = events.filter(audit_events::actor.eq(actor));
    }
    if let Some(target) = &filter.target {
        events = events.filter(audit_events::target.eq(target));
    }
    if let Some(action) = filter.action {
        events = events.filter(audit_events::action.eq(action));
    }
    if let Some(since) = filter.since {
        events = events.filter(audit_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        events = events.filter(audit_events::at.lt(until));
    }
    events
}

/// Deletes the events before `before` and returns their number. The database rejects this unless a prune event covers them.
pub fn delete_before(conn: &mut DbConnection, before: Moment) -> QueryResult<usize> {
    let removed = diesel::delete(audit_events::table.filter(audit_events::at.lt(before))).execute(conn)?;
    let left = audit_events::table.select(audit_events::id);
    diesel::delete(audit_repetitions::table.filter(audit_repetitions::event_id.ne_all(left))).execute(conn)?;
    Ok(removed)
}

/// Returns the number of events before `before`.
pub fn count_before(conn: &mut DbConnection, before: Moment) -> QueryResult<i64> {
    audit_events::table.filter(audit_events::at.lt(before)).count().get_result(conn)
}
