-- The last good key set of each issuer, so that a restart while the issuer is down still verifies.
CREATE TABLE key_sets (
    issuer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT COLLATE "C" NOT NULL,
    fetched_at TIMESTAMP NOT NULL
);
