DROP INDEX principals_by_status_and_last_seen;
DROP INDEX principals_by_status_and_name;
DROP INDEX principals_by_status;
DROP INDEX principals_by_last_seen;
DROP INDEX principals_by_name;
