-- The trail is read from its newest end, whole or by who, on what, and what.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, at, id);
CREATE INDEX audit_events_by_target ON audit_events (target, at, id);
CREATE INDEX audit_events_by_action ON audit_events (action, at, id);

-- REPLACE would remove a row without asking the trigger on DELETE.
CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;

-- An event may go once another says that everything before a later time was pruned: nothing is removed without a trace, and the trace,
-- being no older than the time that it names, can't remove itself.
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

-- How often an act was refused again within a minute of the event that tells of it. The events themselves can't be changed.
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
