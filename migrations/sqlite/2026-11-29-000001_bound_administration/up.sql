-- The linked identity with which the actor acted. NULL: an event from before this migration, the command line, or the service.
ALTER TABLE audit_events ADD COLUMN actor_identity TEXT;

-- User managers keep what they could do without a separate permission: grant roles without administrative permissions.
INSERT INTO role_permissions (role, permission)
SELECT role, 'roles:assign'
FROM role_permissions
WHERE role = 'user-manager' AND permission = 'users:write';

UPDATE roles SET version = version + 1, updated_at = CURRENT_TIMESTAMP WHERE name = 'user-manager';

-- Principals that are disabled, deleted or expired lose their sessions and tokens permanently: these stay invalid if access is restored.
DELETE FROM sessions
WHERE principal_id IN (
    SELECT id FROM principals WHERE status IN ('disabled', 'deleted') OR expires_at <= CURRENT_TIMESTAMP
);

UPDATE principals
SET not_before = datetime('now', '+1 second'), changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE status IN ('disabled', 'deleted') OR expires_at <= CURRENT_TIMESTAMP;
