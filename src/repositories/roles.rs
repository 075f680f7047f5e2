//! Roles and their stored permissions.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::Role;
use crate::schema::{role_permissions, roles};

/// Never part of a role name. PostgreSQL rejects it even in a query parameter.
const NUL: char = '\0';

/// Returns the role of this name, if any.
pub fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<Role>> {
    if name.contains(NUL) {
        return Ok(None);
    }
    roles::table.find(name).select(Role::as_select()).get_result(conn).optional()
}

/// Returns all roles, ordered by name.
pub fn list(conn: &mut DbConnection) -> QueryResult<Vec<Role>> {
    roles::table.order(roles::name).select(Role::as_select()).load(conn)
}

/// Inserts a role. Fails with a unique violation if the name is in use.
pub fn insert(conn: &mut DbConnection, role: &Role) -> QueryResult<()> {
    diesel::insert_into(roles::table).values(role).execute(conn)?;
    Ok(())
}

/// Updates all columns of a stored role.
pub fn update(conn: &mut DbConnection, role: &Role) -> QueryResult<()> {
    diesel::update(roles::table.find(&role.name)).set(role).execute(conn)?;
    Ok(())
}

/// Deletes a role. Its permissions and grants are deleted by cascade.
pub fn delete(conn: &mut DbConnection, name: &str) -> QueryResult<()> {
    diesel::delete(roles::table.find(name)).execute(conn)?;
    Ok(())
}

/// Replaces the stored permissions of a role.
pub fn replace_permissions<'a>(
    conn: &mut DbConnection,
    role: &str,
    permissions: impl IntoIterator<Item = &'a str>,
) -> QueryResult<()> {
    diesel::delete(role_permissions::table.filter(role_permissions::role.eq(role))).execute(conn)?;
    for permission in permissions {
        let row = (role_permissions::role.eq(role), role_permissions::permission.eq(permission));
        diesel::insert_into(role_permissions::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Returns the stored permissions of all roles, as pairs of role and permission name.
pub fn list_all_permissions(conn: &mut DbConnection) -> QueryResult<Vec<(String, String)>> {
    role_permissions::table.select((role_permissions::role, role_permissions::permission)).load(conn)
}

/// Returns the names of the stored permissions of a role.
pub fn list_permissions(conn: &mut DbConnection, role: &str) -> QueryResult<Vec<String>> {
    role_permissions::table.filter(role_permissions::role.eq(role)).select(role_permissions::permission).load(conn)
}

/// Returns the existing roles among `names`: one row per stored permission, or one row without a permission if there are none.
pub fn list_with_permissions(
    conn: &mut DbConnection,
    names: &BTreeSet<String>,
) -> QueryResult<Vec<(String, Option<String>)>> {
    let listed = roles::table
        .left_join(role_permissions::table)
        .order((roles::name, role_permissions::permission))
        .select((roles::name, role_permissions::permission.nullable()));
    match conn {
        // One query per name: an IN list of each length is a different statement and would be prepared every time.
        DbConnection::Sqlite(sqlite) => {
            let of_each = names.iter().map(|name| listed.filter(roles::name.eq(name)).load(sqlite));
            Ok(of_each.collect::<QueryResult<Vec<_>>>()?.concat())
        }
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => {
            listed.filter(roles::name.eq_any(names.iter().filter(|name| !name.contains(NUL)))).load(postgres)
        }
    }
}
