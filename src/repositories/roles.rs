//! Roles and the permissions they hold.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::Role;
use crate::schema::{role_permissions, roles};

/// No role has it in its name, and PostgreSQL does not even take it for a question.
const NUL: char = '\0';

/// The role of this name, if there is one.
pub fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<Role>> {
    if name.contains(NUL) {
        return Ok(None);
    }
    roles::table.find(name).select(Role::as_select()).get_result(conn).optional()
}

/// Every role, in the order of their names.
pub fn list(conn: &mut DbConnection) -> QueryResult<Vec<Role>> {
    roles::table.order(roles::name).select(Role::as_select()).load(conn)
}

/// Adds a role. Fails with a unique violation when the name is taken.
pub fn insert(conn: &mut DbConnection, role: &Role) -> QueryResult<()> {
    diesel::insert_into(roles::table).values(role).execute(conn)?;
    Ok(())
}

/// Writes all columns of a role that is there already.
pub fn update(conn: &mut DbConnection, role: &Role) -> QueryResult<()> {
    diesel::update(roles::table.find(&role.name)).set(role).execute(conn)?;
    Ok(())
}

/// Removes a role, what it grants and its grants.
pub fn delete(conn: &mut DbConnection, name: &str) -> QueryResult<()> {
    diesel::delete(roles::table.find(name)).execute(conn)?;
    Ok(())
}

/// Lists these permissions for a role and no others.
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

/// Every role's listed permissions: the role and the permission's name.
pub fn list_all_permissions(conn: &mut DbConnection) -> QueryResult<Vec<(String, String)>> {
    role_permissions::table.select((role_permissions::role, role_permissions::permission)).load(conn)
}

/// The names of the permissions listed for a role.
pub fn list_permissions(conn: &mut DbConnection, role: &str) -> QueryResult<Vec<String>> {
    role_permissions::table.filter(role_permissions::role.eq(role)).select(role_permissions::permission).load(conn)
}

/// Those of `names` that are roles here, each once for every permission listed for it, and once without if there is none.
pub fn list_with_permissions(
    conn: &mut DbConnection,
    names: &BTreeSet<String>,
) -> QueryResult<Vec<(String, Option<String>)>> {
    let listed = roles::table
        .left_join(role_permissions::table)
        .order((roles::name, role_permissions::permission))
        .select((roles::name, role_permissions::permission.nullable()));
    match conn {
        // A list of names would be prepared anew each time, since each length of it is another statement.
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
