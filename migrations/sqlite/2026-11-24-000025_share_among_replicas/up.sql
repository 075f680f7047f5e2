-- The leases to fetch an issuer's keys, for several replicas over one database. A SQLite file has one replica; the table exists so that both
-- databases have the same schema.
CREATE TABLE key_set_turns (
    issuer TEXT NOT NULL PRIMARY KEY,
    -- The end of the lease; a time in the past means that the lease is free.
    taken_until TIMESTAMP NOT NULL,
    -- The end of the latest fetch that failed, or that a request with an unknown key caused.
    resting_since TIMESTAMP,
    -- Whether the latest fetch failed.
    has_failed BOOLEAN NOT NULL
);
