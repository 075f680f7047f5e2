//! What an actor may do to the rights of others, and that an admin is always left.
//!
//! Both rules compare with what the actor *effectively* holds, so a token delegates no more by an administrative operation than it
//! delegates directly. `docs/access.md` states them with examples.

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet, ROLES_ASSIGN};
use crate::models::{MEMBER, computed_permissions};
use crate::repositories::{grants, roles};

use super::{Actor, Failure};

/// Fails unless `actor` effectively holds every administrative permission of `touched`: to change a principal or a role that holds them.
pub(super) fn require_authority_over(actor: &Actor, invalidates: &PermissionSet) -> Result<(), Failure> {
    let lacking = invalidates.iter().copied().filter(|held| held.is_administrative() && !actor.may(*held));
    refuse(actor, lacking)
}

/// Fails unless `actor` may give every permission of `given` to another principal: it effectively holds the permission or, for one
/// that is not administrative, `roles:assign`.
pub(super) fn require_grantable(actor: &Actor, given: &PermissionSet) -> Result<(), Failure> {
    let assigns = actor.may(ROLES_ASSIGN);
    let is_free = |permission: Permission| assigns && !permission.is_administrative();
    let lacking = given.iter().copied().filter(|permission| !is_free(*permission) && !actor.may(*permission));
    refuse(actor, lacking)
}

/// The same for a role that comes with being let in. `member` is what the service gives to every new user: only what somebody made
/// administrative of it has to be held.
pub(super) fn require_grantable_at_entry(actor: &Actor, role: &str, given: &PermissionSet) -> Result<(), Failure> {
    if role == MEMBER { require_authority_over(actor, given) } else { require_grantable(actor, given) }
}

/// Names what is missing: permissions that no role of the actor grants or, where its roles would suffice, the scopes that its token lacks.
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
