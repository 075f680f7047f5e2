DELETE FROM role_permissions WHERE permission IN ('roles:assign', 'identities:write');

ALTER TABLE audit_events DROP COLUMN actor_identity;
