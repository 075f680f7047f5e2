-- The trail is read from the newest event, as a whole or filtered by actor, target or action.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, at, id);
CREATE INDEX audit_events_by_target ON audit_events (target, at, id);
CREATE INDEX audit_events_by_action ON audit_events (action, at, id);

-- The time before which a prune event has pruned; NULL if the event contains no valid time.
CREATE FUNCTION audit_pruned_before(changes TEXT) RETURNS TIMESTAMP LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN timezone('UTC', date_trunc('second', (changes::json ->> 'before')::timestamptz));
EXCEPTION
    WHEN data_exception THEN
        RETURN NULL;
END;
$$;

-- An event can be removed only if a prune event names a later time. So every removal leaves a trace, and a prune event, which is not older
-- than the time that it names, cannot cover its own removal.
CREATE FUNCTION audit_events_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1
        FROM audit_events AS prune
        WHERE prune.action = 'audit.prune'
            AND OLD.at < audit_pruned_before(prune.changes)
            AND audit_pruned_before(prune.changes) <= prune.at
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit events are append only';
END;
$$;

DROP TRIGGER audit_events_refuse_delete ON audit_events;
CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_refuse_delete();

-- How often an action was refused again within a minute of its refusal event. Kept in a separate table, because events cannot be changed.
CREATE TABLE audit_repetitions (
    event_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    times BIGINT NOT NULL CHECK (times > 0)
);

CREATE FUNCTION audit_repetitions_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'repetitions only grow';
END;
$$;

CREATE TRIGGER audit_repetitions_refuse_update BEFORE UPDATE ON audit_repetitions
FOR EACH ROW WHEN (NEW.event_id <> OLD.event_id OR NEW.times <> OLD.times + 1)
EXECUTE FUNCTION audit_repetitions_refuse();

CREATE FUNCTION audit_repetitions_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_events WHERE id = OLD.event_id) THEN
        RAISE EXCEPTION 'repetitions only grow';
    END IF;
    RETURN OLD;
END;
$$;

CREATE TRIGGER audit_repetitions_refuse_delete BEFORE DELETE ON audit_repetitions
FOR EACH ROW EXECUTE FUNCTION audit_repetitions_refuse_delete();

CREATE TRIGGER audit_repetitions_refuse_truncate BEFORE TRUNCATE ON audit_repetitions
FOR EACH STATEMENT EXECUTE FUNCTION audit_repetitions_refuse();
