//! The limits on what an actor may do to the rights of others, and the protection of the last admin.
//!
//! The limits compare with the permissions that the actor *effectively* holds, so an administrative operation gives a token no more
//! rights than it delegates directly. `docs/access.md` states the rules with examples.

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet, ROLES_ASSIGN};
use crate::models::{MEMBER, computed_permissions};
use crate::repositories::{grants, roles};

use crate::services::{Actor, Failure};

/// Fails unless `actor` effectively holds every administrative permission of `affected`: the permissions of the principal or role that it
/// changes.
pub(crate) fn require_authority_over(actor: &Actor, affected: &PermissionSet) -> Result<(), Failure> {
    let lacking = affected.iter().copied().filter(|held| held.is_administrative() && !actor.may(*held));
    refuse(actor, lacking)
}

/// Fails unless `actor` may grant every permission of `given` to another principal. For each, it must effectively hold the permission or,
/// if the permission is not administrative, `roles:assign`.
pub(crate) fn require_grantable(actor: &Actor, given: &PermissionSet) -> Result<(), Failure> {
    let assigns = actor.may(ROLES_ASSIGN);
    let is_assignable = |permission: Permission| assigns && !permission.is_administrative();
    let lacking = given.iter().copied().filter(|permission| !is_assignable(*permission) && !actor.may(*permission));
    refuse(actor, lacking)
}

/// As [`require_grantable`], for a role that a created, restored or readmitted account holds. The service itself grants `member` to every
/// new user, so only its administrative permissions, if an application declares any, must be held.
pub(crate) fn require_grantable_at_entry(actor: &Actor, role: &str, given: &PermissionSet) -> Result<(), Failure> {
    if role == MEMBER { require_authority_over(actor, given) } else { require_grantable(actor, given) }
}

/// Fails if `lacking` is not empty: with the permissions that no role of the actor grants or, if its roles suffice, the missing scopes.
fn refuse(actor: &Actor, lacking: impl Iterator<Item = Permission>) -> Result<(), Failure> {
    let (mut missing, mut scopes) = (PermissionSet::new(), PermissionSet::new());
    for permission in lacking {
        if actor.is_granted(permission) {
            scopes.insert(permission);
        } else if !permission.is_administrative() && actor.is_granted(ROLES_ASSIGN) {
            scopes.insert(ROLES_ASSIGN);
        } else {
            missing.insert(permission);
        }
    }
    if !missing.is_empty() {
        Err(Failure::InsufficientPrivilege { missing: missing.iter().map(Permission::name).collect() })
    } else if !scopes.is_empty() {
        let spelled = scopes.iter().map(|permission| actor.spelled_scope(*permission)).collect();
        Err(Failure::InsufficientScope { missing: scopes.iter().map(Permission::name).collect(), spelled })
    } else {
        Ok(())
    }
}

/// Returns the permissions of a role, or `None` if the role does not exist.
pub(crate) fn permissions_of_role(
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

/// Runs `change` and fails if it removed the last counted admin, so that the caller's transaction rolls back.
///
/// Checking before and after covers every kind of change. Only one such transaction runs at a time, across all replicas, so two admins
/// cannot remove each other concurrently.
pub(crate) fn keep_an_admin<T>(
    conn: &mut DbConnection,
    change: impl FnOnce(&mut DbConnection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let had_one = grants::has_counted_admin(conn)?;
    let changed = change(conn)?;
    if had_one && !grants::has_counted_admin(conn)? { Err(Failure::LastAdmin) } else { Ok(changed) }
}
