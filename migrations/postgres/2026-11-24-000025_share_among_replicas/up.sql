-- Whose turn it is to fetch an issuer's keys: replicas that share a database fetch them once.
CREATE TABLE key_set_turns (
    issuer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Until when somebody fetches, or is taken to; in the past, nobody does.
    taken_until TIMESTAMP NOT NULL,
    -- When the latest fetch ended that somebody lacked a key for, or that failed.
    resting_since TIMESTAMP,
    -- Whether the latest fetch failed.
    has_failed BOOLEAN NOT NULL
);

-- Every replica looks every two seconds at what changed lately.
CREATE INDEX principals_by_change ON principals (changed_at);
