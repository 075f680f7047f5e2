DROP TABLE audit_repetitions;
DROP FUNCTION audit_repetitions_refuse_delete();
DROP FUNCTION audit_repetitions_refuse();

DROP TRIGGER audit_events_refuse_delete ON audit_events;
DROP FUNCTION audit_events_refuse_delete();
DROP FUNCTION audit_pruned_before(TEXT);
CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_refuse();

DROP INDEX audit_events_by_time;
DROP INDEX audit_events_by_actor;
DROP INDEX audit_events_by_target;
DROP INDEX audit_events_by_action;
CREATE INDEX audit_events_by_target ON audit_events (target, id);
