-- The audit trail. Events outlive their targets, so there are no foreign keys. They cannot be changed or removed.
CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    -- NULL: the command line or the service.
    actor TEXT,
    client TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id TEXT,
    -- A JSON object without personal data.
    changes TEXT NOT NULL
);

CREATE INDEX audit_events_by_target ON audit_events (target, id);

CREATE TRIGGER audit_events_refuse_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are append only');
END;
