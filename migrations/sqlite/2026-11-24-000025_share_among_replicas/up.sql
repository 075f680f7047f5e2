-- Whose turn it is to fetch an issuer's keys, where several replicas share a database. A file has one; the table is here so that both
-- databases have the same.
CREATE TABLE key_set_turns (
    issuer TEXT NOT NULL PRIMARY KEY,
    -- Until when somebody fetches, or is taken to; in the past, nobody does.
    taken_until TIMESTAMP NOT NULL,
    -- When the latest fetch ended that somebody lacked a key for, or that failed.
    resting_since TIMESTAMP,
    -- Whether the latest fetch failed.
    has_failed BOOLEAN NOT NULL
);
