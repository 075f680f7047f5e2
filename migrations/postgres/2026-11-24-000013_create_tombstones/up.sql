-- The status of a deleted principal before the deletion, for its restoration.
ALTER TABLE principals ADD COLUMN deleted_from TEXT COLLATE "C" CHECK (deleted_from IN ('pending', 'active', 'disabled'));

CREATE INDEX principals_by_deletion ON principals (deleted_at) WHERE deleted_at IS NOT NULL;

-- Keyed hashes of the identities of purged users: enough to refuse them at the next sign-in, without any other data about them.
CREATE TABLE tombstones (
    identity_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The id of the purged user, as in the audit trail.
    principal_id TEXT COLLATE "C" NOT NULL,
    purged_at TIMESTAMP NOT NULL
);

-- The key of these hashes: random, created by the service at the first purge, and never changed.
CREATE TABLE tombstone_keys (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    key TEXT COLLATE "C" NOT NULL
);
