//! A role with its permissions, as it is read and as it is written.

use std::collections::BTreeSet;

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, PermissionSet};
use crate::models::{Role, computed_permissions};
use crate::repositories::roles;
use crate::services::Failure;

/// A role with its permissions.
#[derive(Clone, Debug)]
pub struct RoleWithPermissions {
    /// The role.
    pub role: Role,
    /// The permissions that the role grants.
    pub permissions: PermissionSet,
}

/// The editable content of a role.
#[derive(Clone, Debug)]
pub struct RoleDraft {
    /// The purpose of the role, in one sentence.
    pub summary: String,
    /// The names of its permissions.
    pub permissions: BTreeSet<String>,
}

/// Returns a role with its permissions. Fails with [`Failure::NoSuchRole`] if it does not exist.
pub(super) fn find(
    conn: &mut DbConnection,
    declared: &DeclaredPermissions,
    name: &str,
) -> Result<RoleWithPermissions, Failure> {
    let role = roles::find(conn, name)?.ok_or(Failure::NoSuchRole)?;
    let listed = roles::list_permissions(conn, name)?;
    Ok(with_permissions(declared, role, &listed))
}

/// Adds the permissions to a role. Stored names that are not, or no longer, declared grant nothing and are left out.
pub(super) fn with_permissions(declared: &DeclaredPermissions, role: Role, listed: &[String]) -> RoleWithPermissions {
    let permissions = computed_permissions(&role.name, declared)
        .unwrap_or_else(|| listed.iter().filter_map(|name| declared.find(name)).collect());
    RoleWithPermissions { role, permissions }
}
