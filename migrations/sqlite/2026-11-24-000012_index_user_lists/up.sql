-- One index per sort order of a list, and per sort order within a status: every page of a list costs the same.
CREATE INDEX principals_by_name ON principals (kind, display_name_ci, id);
CREATE INDEX principals_by_last_seen ON principals (kind, last_seen_at, id);
CREATE INDEX principals_by_status ON principals (kind, status, id);
CREATE INDEX principals_by_status_and_name ON principals (kind, status, display_name_ci, id);
CREATE INDEX principals_by_status_and_last_seen ON principals (kind, status, last_seen_at, id);
