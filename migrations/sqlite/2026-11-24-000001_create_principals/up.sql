-- Users and service accounts. Ids are UUIDs of version 7 as text, so they sort by creation.
-- Times are in UTC, truncated to microseconds. Text compares bytes.
CREATE TABLE principals (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('human', 'machine')),
    display_name TEXT,
    -- The case-folded display name, for sorting and searching; empty if there is none.
    display_name_ci TEXT NOT NULL,
    given_name TEXT,
    family_name TEXT,
    username TEXT,
    email TEXT,
    email_state TEXT NOT NULL CHECK (email_state IN ('verified', 'unverified', 'unknown')),
    locale TEXT,
    -- The names and the locale as last received from the provider (JSON object). A field gets this value when its edit is reverted.
    provider_profile TEXT NOT NULL,
    -- The fields that were edited here (JSON array of names) and no longer follow the provider.
    edited_fields TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'disabled', 'deleted')),
    disabled_by TEXT CHECK (disabled_by IN ('admin', 'scim', 'policy')),
    disabled_reason TEXT,
    origin TEXT NOT NULL CHECK (origin IN ('first-contact', 'manual', 'scim')),
    external_id TEXT,
    -- The role names in the last token (JSON array), for display only.
    claim_roles TEXT NOT NULL,
    claim_roles_at TIMESTAMP,
    -- In whole seconds: tokens issued before this time are refused.
    not_before TIMESTAMP,
    expires_at TIMESTAMP,
    deleted_at TIMESTAMP,
    version BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    changed_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP,
    CHECK ((status = 'disabled') = (disabled_by IS NOT NULL)),
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);

CREATE INDEX principals_by_kind ON principals (kind, id);

-- The identities of principals at providers, always looked up by issuer, kind and subject together.
CREATE TABLE identities (
    id TEXT NOT NULL PRIMARY KEY,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('human', 'machine')),
    subject TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (issuer, kind, subject)
);

CREATE INDEX identities_by_principal ON identities (principal_id);
