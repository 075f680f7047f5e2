-- The audit trail. Events outlive their targets, so there are no foreign keys. They cannot be changed or removed.
CREATE TABLE audit_events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    -- NULL: the command line or the service.
    actor TEXT COLLATE "C",
    client TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id TEXT COLLATE "C",
    -- A JSON object without personal data.
    changes TEXT COLLATE "C" NOT NULL
);

CREATE INDEX audit_events_by_target ON audit_events (target, id);

CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append only';
END;
$$;

CREATE TRIGGER audit_events_refuse_update BEFORE UPDATE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_refuse();

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_refuse();

CREATE TRIGGER audit_events_refuse_truncate BEFORE TRUNCATE ON audit_events
FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse();
