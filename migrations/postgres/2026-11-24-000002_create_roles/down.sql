DROP TABLE role_grants;
DROP TABLE role_permissions;
DROP TABLE roles;
