-- People and programs known here. Ids are UUIDs of version 7 in text, so their order is the order of arrival.
-- Times are UTC, cut to microseconds. Text compares by bytes, in whatever
-- collation the database was made.
CREATE TABLE principals (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('human', 'machine')),
    display_name TEXT COLLATE "C",
    -- The display name folded for sorting and searching; empty where there is none.
    display_name_ci TEXT COLLATE "C" NOT NULL,
    given_name TEXT COLLATE "C",
    family_name TEXT COLLATE "C",
    username TEXT COLLATE "C",
    email TEXT COLLATE "C",
    email_state TEXT COLLATE "C" NOT NULL CHECK (email_state IN ('verified', 'unverified', 'unknown')),
    locale TEXT COLLATE "C",
    -- What the provider last said of the names and the locale (JSON object): what a field shows again when its edit is taken back.
    provider_profile TEXT COLLATE "C" NOT NULL,
    -- Which of them were edited here (JSON array of field names) and therefore no longer follow the provider.
    edited_fields TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'active', 'disabled', 'deleted')),
    disabled_by TEXT COLLATE "C" CHECK (disabled_by IN ('admin', 'scim', 'policy')),
    disabled_reason TEXT COLLATE "C",
    origin TEXT COLLATE "C" NOT NULL CHECK (origin IN ('first-contact', 'manual', 'scim')),
    external_id TEXT COLLATE "C",
    -- The role names of the last token (JSON array), for display only.
    claim_roles TEXT COLLATE "C" NOT NULL,
    claim_roles_at TIMESTAMP,
    -- Whole seconds: tokens issued before this are refused.
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

-- How providers know a principal: always looked up by all three of issuer, kind and subject.
CREATE TABLE identities (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    principal_id TEXT COLLATE "C" NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    issuer TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('human', 'machine')),
    subject TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (issuer, kind, subject)
);

CREATE INDEX identities_by_principal ON identities (principal_id);
