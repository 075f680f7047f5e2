//! Roles and the permissions they hold.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::Role;
use crate::schema::{role_permissions, roles};

/// The role of this name, if there is one.
pub fn find(conn: &mut DbConnection, name: &str) -> QueryResult<Option<Role>> {
    roles::table.find(name).select(Role::as_select()).first(conn).optional()
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
    roles::table
        .left_join(role_permissions::table)
        .filter(roles::name.eq_any(names))
        .order((roles::name, role_permissions::permission))
        .select((roles::name, role_permissions::permission.nullable()))
        .load(conn)
}
