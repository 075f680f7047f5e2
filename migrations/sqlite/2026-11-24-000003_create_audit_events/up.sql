-- Who changed what. Rows outlive what they name, hence no foreign keys; nobody changes or removes them.
CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    -- NULL: the command line or the service itself.
    actor TEXT,
    client TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id TEXT,
    -- A JSON object; nothing personal in it.
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
