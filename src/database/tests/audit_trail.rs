//! The triggers and constraints that protect the audit trail.

use super::*;

/// Runs `statement` on two old events and one repetition. Returns the error of the database, or `None` on success.
async fn refusal_on_the_audit_trail(statement: &'static str) -> Option<String> {
    let (_folder, database) = Database::temporary();
    let outcome: Result<(), DatabaseError> = database
        .write(move |conn| {
            conn.batch_execute(
                "INSERT INTO audit_events (id, at, action, target, outcome, changes) VALUES
                    ('1', '2020-01-01 00:00:00.5', 'a', 't', 'done', '{}'),
                    ('2', '2020-01-02 00:00:00', 'a', 't', 'refused', '{}');
                 INSERT INTO audit_repetitions (event_id, times) VALUES ('2', 1);",
            )?;
            Ok(conn.batch_execute(statement)?)
        })
        .await;
    outcome.err().map(|error| std::error::Error::source(&error).unwrap().to_string())
}

#[tokio::test]
async fn audit_events_can_be_neither_changed_nor_removed() {
    let backend_specific = if is_on_a_server() {
        "TRUNCATE audit_events"
    } else {
        "REPLACE INTO audit_events (id, at, action, target, outcome, changes)
         VALUES ('1', CURRENT_TIMESTAMP, 'b', 't', 'done', '{}')"
    };
    for statement in [
        "UPDATE audit_events SET action = 'x'",
        "DELETE FROM audit_events",
        backend_specific,
        "INSERT INTO audit_events (id, at, action, target, outcome, changes)
         VALUES ('1', CURRENT_TIMESTAMP, 'b', 't', 'done', '{}') ON CONFLICT (id) DO UPDATE SET action = 'b'",
    ] {
        let refusal = refusal_on_the_audit_trail(statement).await;
        assert_eq!(refusal.as_deref(), Some("audit events are append only"), "{statement}");
    }
}

#[tokio::test]
async fn audit_events_are_deleted_only_with_an_event_of_their_pruning() {
    let prune = |action: &str, before: &str, at: &str, delete: &str| {
        let statements = format!(
            "INSERT INTO audit_events (id, at, action, target, outcome, changes)
             VALUES ('3', '{at}', '{action}', 'audit-events', 'done', '{{\"before\": \"{before}\"}}');
             DELETE FROM audit_events WHERE id = '{delete}'"
        );
        &*statements.leak()
    };
    let now = "2026-01-01 00:00:00";
    let (day, later) = ("2020-01-02T00:00:00+00:00", "2027-01-01T00:00:00+00:00");
    assert_eq!(refusal_on_the_audit_trail(prune("audit.prune", day, now, "1")).await, None);
    for (case, statements) in [
        ("an event at the named time", prune("audit.prune", day, now, "2")),
        ("another action", prune("user.create", day, now, "1")),
        ("a time in the future", prune("audit.prune", later, now, "1")),
        ("an invalid time", prune("audit.prune", "ever", now, "1")),
        ("the pruning event itself", prune("audit.prune", "2026-01-01T00:00:00Z", now, "3")),
    ] {
        let refusal = refusal_on_the_audit_trail(statements).await;
        assert_eq!(refusal.as_deref(), Some("audit events are append only"), "{case}");
    }
}

#[tokio::test]
async fn repetition_count_only_grows() {
    assert_eq!(refusal_on_the_audit_trail("UPDATE audit_repetitions SET times = times + 1").await, None);
    let backend_specific = if is_on_a_server() {
        "TRUNCATE audit_repetitions"
    } else {
        "REPLACE INTO audit_repetitions (event_id, times) VALUES ('2', 1)"
    };
    for statement in [
        "UPDATE audit_repetitions SET times = 1",
        "UPDATE audit_repetitions SET event_id = '1', times = times + 1",
        backend_specific,
        "DELETE FROM audit_repetitions",
    ] {
        let refusal = refusal_on_the_audit_trail(statement).await;
        assert_eq!(refusal.as_deref(), Some("repetitions only grow"), "{statement}");
    }
}
