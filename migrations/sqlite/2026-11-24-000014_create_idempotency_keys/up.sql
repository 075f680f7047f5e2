-- Responses to requests with an Idempotency-Key, stored for a day, so that a repeated request is answered without being executed again.
CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    -- SHA-256 of the request body, as received.
    request_hash TEXT NOT NULL,
    -- The created principal, and the response.
    created_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    answer TEXT NOT NULL,
    answered_at TIMESTAMP NOT NULL,
    PRIMARY KEY (caller, operation, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (answered_at);
CREATE INDEX idempotency_keys_by_creation ON idempotency_keys (created_id);
