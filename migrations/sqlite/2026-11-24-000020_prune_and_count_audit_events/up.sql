-- The trail is read from the newest event, as a whole or filtered by actor, target or action.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, at, id);
CREATE INDEX audit_events_by_target ON audit_events (target, at, id);
CREATE INDEX audit_events_by_action ON audit_events (action, at, id);

-- REPLACE would remove a row without firing the DELETE trigger.
CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;

-- An event can be removed only if a prune event names a later time. So every removal leaves a trace, and a prune event, which is not older
-- than the time that it names, cannot cover its own removal.
DROP TRIGGER audit_events_refuse_delete;
CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
WHEN NOT EXISTS (
    SELECT 1
    FROM audit_events AS prune
    WHERE prune.action = 'audit.prune'
        AND OLD.at < datetime(json_extract(prune.changes, '$.before'))
        AND datetime(json_extract(prune.changes, '$.before')) <= prune.at
)
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;

-- How often an action was refused again within a minute of its refusal event. Kept in a separate table, because events cannot be changed.
CREATE TABLE audit_repetitions (
    event_id TEXT NOT NULL PRIMARY KEY,
    times BIGINT NOT NULL CHECK (times > 0)
) WITHOUT ROWID;

CREATE TRIGGER audit_repetitions_refuse_replace BEFORE INSERT ON audit_repetitions
WHEN EXISTS (SELECT 1 FROM audit_repetitions WHERE event_id = NEW.event_id)
BEGIN
    SELECT RAISE(ABORT, 'repetitions only grow');
END;

CREATE TRIGGER audit_repetitions_refuse_update BEFORE UPDATE ON audit_repetitions
WHEN NEW.event_id <> OLD.event_id OR NEW.times <> OLD.times + 1
BEGIN
    SELECT RAISE(ABORT, 'repetitions only grow');
END;

CREATE TRIGGER audit_repetitions_refuse_delete BEFORE DELETE ON audit_repetitions
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = OLD.event_id)
BEGIN
    SELECT RAISE(ABORT, 'repetitions only grow');
END;
