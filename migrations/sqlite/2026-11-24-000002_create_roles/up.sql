-- Roles are named sets of permissions. The permissions of `admin` (all declared ones) and `auditor` (all that read) are computed, so none is
-- listed here.
CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY,
    summary TEXT NOT NULL,
    built_in BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

-- A permission that the running build does not declare has no effect.
CREATE TABLE role_permissions (
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (role, permission)
) WITHOUT ROWID;

-- Role grants. `source_ref` identifies the group within the source; empty if the source has no groups.
CREATE TABLE role_grants (
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('manual', 'scim', 'bootstrap')),
    source_ref TEXT NOT NULL,
    -- NULL: the command line or the service.
    granted_by TEXT,
    granted_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    PRIMARY KEY (principal_id, role, source, source_ref)
) WITHOUT ROWID;

CREATE INDEX role_grants_by_role ON role_grants (role, principal_id);

INSERT INTO roles (name, summary, built_in, version, created_at, updated_at)
VALUES
    ('admin', 'Everything.', TRUE, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    ('user-manager', 'Users, service accounts and the roles they hold.', TRUE, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    ('auditor', 'Reads everything, changes nothing.', TRUE, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP),
    ('member', 'One''s own profile.', TRUE, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);

INSERT INTO role_permissions (role, permission)
VALUES
    ('user-manager', 'users:read'),
    ('user-manager', 'users:write'),
    ('user-manager', 'service-accounts:read'),
    ('user-manager', 'service-accounts:write'),
    ('user-manager', 'roles:read'),
    ('member', 'profile:read'),
    ('member', 'profile:write');
