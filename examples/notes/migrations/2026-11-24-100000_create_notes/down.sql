DELETE FROM role_permissions WHERE permission IN ('notes:read', 'notes:write');
DROP TABLE notes;
