-- What a deleted principal was before, so that it can be restored.
ALTER TABLE principals ADD COLUMN deleted_from TEXT COLLATE "C" CHECK (deleted_from IN ('pending', 'active', 'disabled'));

CREATE INDEX principals_by_deletion ON principals (deleted_at) WHERE deleted_at IS NOT NULL;

-- Keyed hashes of the identities of people who were purged: enough to refuse their return, and nothing else of them.
CREATE TABLE tombstones (
    identity_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Whose it was: what the audit trail still calls them.
    principal_id TEXT COLLATE "C" NOT NULL,
    purged_at TIMESTAMP NOT NULL
);

-- The key of these hashes: random, made by the service at the first purge, the same ever after.
CREATE TABLE tombstone_keys (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    key TEXT COLLATE "C" NOT NULL
);
