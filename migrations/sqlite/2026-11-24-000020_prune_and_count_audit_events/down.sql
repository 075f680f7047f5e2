DROP TABLE audit_repetitions;

DROP TRIGGER audit_events_refuse_replace;
DROP TRIGGER audit_events_refuse_delete;
CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;

DROP INDEX audit_events_by_time;
DROP INDEX audit_events_by_actor;
DROP INDEX audit_events_by_target;
DROP INDEX audit_events_by_action;
CREATE INDEX audit_events_by_target ON audit_events (target, id);
