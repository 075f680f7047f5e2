//! What nobody may do: reach above their own rights, or leave the service without an admin.

use crate::database::DbConnection;
use crate::models::computed_permissions;
use crate::models::permission::{DeclaredPermissions, PermissionSet};
use crate::repositories::{grants, roles};

use super::{Actor, Failure};

/// Fails unless `actor` holds every administrative permission of `touched`. The others are free to give and take.
pub(super) fn require_reach(actor: &Actor, touched: &PermissionSet) -> Result<(), Failure> {
    let missing: Vec<_> = touched
        .difference(&actor.permissions)
        .filter(|permission| permission.is_administrative())
        .map(|permission| permission.name())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::AboveYourRights { missing }) }
}

/// What the role of this name grants, or `None` when there is no such role.
pub(super) fn permissions_of_role(
    conn: &mut DbConnection,
    declared: &DeclaredPermissions,
    role: &str,
) -> Result<Option<PermissionSet>, Failure> {
    if roles::find(conn, role)?.is_none() {
        return Ok(None);
    }
    if let Some(computed) = computed_permissions(role, declared) {
        return Ok(Some(computed));
    }
    let listed = roles::list_permissions(conn, role)?;
    Ok(Some(listed.iter().filter_map(|name| declared.find(name)).collect()))
}

/// Makes a change, and fails when it took the last counted admin. The caller's transaction then undoes it.
///
/// Looking before and after, rather than foreseeing, covers every kind of change; that only one transaction governs at a time, in the
/// whole fleet, keeps two admins from removing each other.
pub(super) fn keep_an_admin<T>(
    conn: &mut DbConnection,
    change: impl FnOnce(&mut DbConnection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let had_one = grants::has_counted_admin(conn)?;
    let changed = change(conn)?;
    if had_one && !grants::has_counted_admin(conn)? { Err(Failure::LastAdmin) } else { Ok(changed) }
}
