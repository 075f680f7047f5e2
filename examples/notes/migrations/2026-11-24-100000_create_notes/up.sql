CREATE TABLE notes (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX notes_by_owner ON notes (owner, id);
