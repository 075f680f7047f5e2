-- Which of an actor's linked identities acted. NULL: before this migration, the command line, or the service itself.
ALTER TABLE audit_events ADD COLUMN actor_identity TEXT;

-- What user managers could do until now without a permission of its own: grant roles without administrative permissions.
INSERT INTO role_permissions (role, permission)
SELECT role, 'roles:assign'
FROM role_permissions
WHERE role = 'user-manager' AND permission = 'users:write';

UPDATE roles SET version = version + 1, updated_at = CURRENT_TIMESTAMP WHERE name = 'user-manager';

-- Shutting out is final: what was issued to those who are shut out by now stays void when they come back.
DELETE FROM sessions
WHERE principal_id IN (
    SELECT id FROM principals WHERE status IN ('disabled', 'deleted') OR expires_at <= CURRENT_TIMESTAMP
);

UPDATE principals
SET not_before = datetime('now', '+1 second'), changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE status IN ('disabled', 'deleted') OR expires_at <= CURRENT_TIMESTAMP;
