-- The last valid key set of each issuer, so that tokens can be verified after a restart during an outage of the issuer.
CREATE TABLE key_sets (
    issuer TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    fetched_at TIMESTAMP NOT NULL
);
