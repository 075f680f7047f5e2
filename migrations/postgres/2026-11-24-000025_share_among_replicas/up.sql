-- The leases to fetch an issuer's keys: replicas that share a database fetch them once.
CREATE TABLE key_set_turns (
    issuer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The end of the lease; a time in the past means that the lease is free.
    taken_until TIMESTAMP NOT NULL,
    -- The end of the latest fetch that failed, or that a request with an unknown key caused.
    resting_since TIMESTAMP,
    -- Whether the latest fetch failed.
    has_failed BOOLEAN NOT NULL
);

-- Every replica polls for recent changes every two seconds.
CREATE INDEX principals_by_change ON principals (changed_at);
