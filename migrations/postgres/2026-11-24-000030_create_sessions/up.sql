-- Browser sessions. A row is useless without its cookie, of which only a hash is stored, and without SESSION_KEY.
CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the id in the cookie.
    token_hash TEXT COLLATE "C" NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    -- The user and the session at the provider, as a back-channel logout names them.
    issuer TEXT COLLATE "C" NOT NULL,
    provider_subject TEXT COLLATE "C" NOT NULL,
    provider_session TEXT COLLATE "C",
    -- Encrypted under SESSION_KEY, like the two tokens below.
    claims TEXT COLLATE "C" NOT NULL,
    refresh_token TEXT COLLATE "C",
    id_token TEXT COLLATE "C" NOT NULL,
    -- The User-Agent of the browser.
    device TEXT COLLATE "C",
    -- According to the provider's clock.
    signed_in_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    -- When the provider last confirmed the session.
    proved_at TIMESTAMP NOT NULL,
    ends_at TIMESTAMP NOT NULL,
    -- The end of the lease to refresh the session at the provider: only one replica does so at a time.
    leased_until TIMESTAMP
);

CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_principal ON sessions (principal_id, id);
CREATE INDEX sessions_by_provider_subject ON sessions (issuer, provider_subject);
CREATE INDEX sessions_by_provider_session ON sessions (issuer, provider_session);
CREATE INDEX sessions_by_end ON sessions (ends_at);
