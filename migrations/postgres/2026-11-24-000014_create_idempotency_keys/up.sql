-- Responses to requests with an Idempotency-Key, stored for a day, so that a repeated request is answered without being executed again.
CREATE TABLE idempotency_keys (
    caller TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the request body, as received.
    request_hash TEXT COLLATE "C" NOT NULL,
    -- The created principal, and the response.
    created_id TEXT COLLATE "C" NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    answered_at TIMESTAMP NOT NULL,
    PRIMARY KEY (caller, operation, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (answered_at);
CREATE INDEX idempotency_keys_by_creation ON idempotency_keys (created_id);
