//! Grants of roles to principals.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{ADMIN, Grant, GrantSource, Moment, PrincipalId, PrincipalKind, PrincipalStatus};
use crate::schema::{principals, role_grants, role_permissions};

/// The role, source and expiry of a grant, with one stored permission of the role, if any.
pub type GrantedPermission = (String, GrantSource, Option<Moment>, Option<String>);

/// Returns the grants of a principal: one row per stored permission of the role, or one row without a permission if there are none.
pub fn list_with_permissions(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<GrantedPermission>> {
    let granted = role_grants::table
        .left_join(role_permissions::table.on(role_permissions::role.eq(role_grants::role)))
        .filter(role_grants::principal_id.eq(principal))
        .order((role_grants::role, role_grants::source, role_grants::source_ref))
        .select((
            role_grants::role,
            role_grants::source,
            role_grants::expires_at,
            role_permissions::permission.nullable(),
        ));
    directly!(conn => granted.load(conn))
}

/// Returns the grants of a principal, including expired ones, ordered by role.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<Grant>> {
    role_grants::table
        .filter(role_grants::principal_id.eq(principal))
        .order((role_grants::role, role_grants::source, role_grants::source_ref))
        .select(Grant::as_select())
        .load(conn)
}

/// Selects manual and `BOOTSTRAP_ADMIN` grants. Grants by provisioning are managed by the provider.
#[diesel::dsl::auto_type]
fn given_here<'a>(principal: PrincipalId, role: &'a str) -> _ {
    let provisioned: GrantSource = GrantSource::Scim;
    role_grants::table
        .filter(role_grants::principal_id.eq(principal))
        .filter(role_grants::role.eq(role))
        .filter(role_grants::source.ne(provisioned))
}

/// Returns the manual and `BOOTSTRAP_ADMIN` grants of one role to a principal.
pub fn list_given_here(conn: &mut DbConnection, principal: PrincipalId, role: &str) -> QueryResult<Vec<Grant>> {
    given_here(principal, role).select(Grant::as_select()).load(conn)
}

/// Deletes the grants that [`list_given_here`] returns.
pub fn delete_given_here(conn: &mut DbConnection, principal: PrincipalId, role: &str) -> QueryResult<()> {
    diesel::delete(given_here(principal, role)).execute(conn)?;
    Ok(())
}

/// Inserts a grant. Fails with a unique violation if it exists already.
pub fn insert(conn: &mut DbConnection, grant: &Grant) -> QueryResult<()> {
    let added = diesel::insert_into(role_grants::table).values(grant);
    directly!(conn => added.execute(conn))?;
    Ok(())
}

/// Returns the number of principals that are not deleted and hold a role by a grant that is unexpired at `now`.
pub fn count_holders(conn: &mut DbConnection, role: &str, now: Moment) -> QueryResult<i64> {
    let holders = role_grants::table
        .filter(role_grants::role.eq(role))
        .filter(role_grants::expires_at.is_null().or(role_grants::expires_at.gt(now)))
        .select(role_grants::principal_id);
    principals::table
        .filter(principals::id.eq_any(holders))
        .filter(principals::status.ne(PrincipalStatus::Deleted))
        .count()
        .get_result(conn)
}

/// Whether there is a counted admin: an active user without expiry who holds `admin` by a manual or bootstrap grant without expiry.
pub fn has_counted_admin(conn: &mut DbConnection) -> QueryResult<bool> {
    // Not a join: without statistics, SQLite would scan all users and look up the grant of each.
    let granted = role_grants::table
        .filter(role_grants::role.eq(ADMIN))
        .filter(role_grants::source.ne(GrantSource::Scim))
        .filter(role_grants::expires_at.is_null())
        .select(role_grants::principal_id);
    principals::table
        .filter(principals::id.eq_any(granted))
        .filter(principals::kind.eq(PrincipalKind::Human))
        .filter(principals::status.eq(PrincipalStatus::Active))
        .filter(principals::expires_at.is_null())
        .select(principals::id)
        .get_result::<PrincipalId>(conn)
        .optional()
        .map(|admin| admin.is_some())
}
