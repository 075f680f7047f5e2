CREATE TABLE notes (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    text TEXT NOT NULL
);

CREATE INDEX notes_by_owner ON notes (owner, id);

-- Every user may keep notes: new users get the role `member`.
INSERT INTO role_permissions (role, permission)
VALUES
    ('member', 'notes:read'),
    ('member', 'notes:write');
