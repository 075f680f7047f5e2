CREATE TABLE notes (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX notes_by_owner ON notes (owner, id);

-- Everybody who may keep a profile here may keep notes: roles are sets of permissions, and `member` is what new people get.
INSERT INTO role_permissions (role, permission)
VALUES
    ('member', 'notes:read'),
    ('member', 'notes:write');
