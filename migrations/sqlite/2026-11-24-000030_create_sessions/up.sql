-- Browser sessions of people who signed in here. Without its cookie, whose hash alone is kept, and without SESSION_KEY a row opens nothing.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of what the cookie holds.
    token_hash TEXT NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    -- How the provider knows the person and its own session: what a back-channel logout names.
    issuer TEXT NOT NULL,
    provider_subject TEXT NOT NULL,
    provider_session TEXT,
    -- Encrypted under SESSION_KEY.
    claims TEXT NOT NULL,
    refresh_token TEXT,
    id_token TEXT NOT NULL,
    -- What the browser called itself.
    device TEXT,
    -- By the provider's clock.
    signed_in_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    -- When the provider last stood by it.
    proved_at TIMESTAMP NOT NULL,
    ends_at TIMESTAMP NOT NULL,
    -- Until when somebody asks the provider about it, so that nobody else does.
    leased_until TIMESTAMP
);

CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_principal ON sessions (principal_id, id);
CREATE INDEX sessions_by_provider_subject ON sessions (issuer, provider_subject);
CREATE INDEX sessions_by_provider_session ON sessions (issuer, provider_session);
CREATE INDEX sessions_by_end ON sessions (ends_at);
