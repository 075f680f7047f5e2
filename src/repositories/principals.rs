//! Users and service accounts.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Identity, IdentityKey, Moment, Principal, PrincipalId, PrincipalKind, PrincipalStatus};
use crate::schema::{identities, principals, role_grants};

use super::principal_terms;

/// Returns the principal of this id, if any.
pub fn find(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<Option<Principal>> {
    principals::table.find(id).select(Principal::as_select()).get_result(conn).optional()
}

/// As [`find`], locked against concurrent changes until the transaction ends, so that an update overwrites exactly what was read.
pub fn find_for_update(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<Option<Principal>> {
    match conn {
        // SQLite has a single writer.
        DbConnection::Sqlite(_) => find(conn, id),
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => {
            // This lock mode still permits reads and new foreign-key references.
            let locked = principals::table.find(id).for_no_key_update();
            locked.select(Principal::as_select()).get_result(postgres).optional()
        }
    }
}

/// Returns the principal linked to this identity, if any.
pub fn find_by_identity(conn: &mut DbConnection, identity: &IdentityKey) -> QueryResult<Option<Principal>> {
    Ok(find_linked(conn, identity)?.map(|(principal, _)| principal))
}

/// Returns the principal linked to this identity and the id of the identity, if any.
pub fn find_linked(conn: &mut DbConnection, identity: &IdentityKey) -> QueryResult<Option<(Principal, String)>> {
    let linked = identities::table
        .inner_join(principals::table)
        .filter(identities::issuer.eq(&identity.issuer))
        .filter(identities::kind.eq(identity.kind))
        .filter(identities::subject.eq(&identity.subject));
    directly!(conn => linked.select((Principal::as_select(), identities::id)).get_result(conn)).optional()
}

/// As [`find_linked`], locked as by [`find_for_update`].
pub fn find_linked_for_update(
    conn: &mut DbConnection,
    identity: &IdentityKey,
) -> QueryResult<Option<(Principal, String)>> {
    let found = find_linked(conn, identity)?;
    match (&*conn, found) {
        #[cfg(feature = "postgres")]
        (DbConnection::Postgres(_), Some((principal, identity))) => {
            Ok(find_for_update(conn, principal.id)?.map(|locked| (locked, identity)))
        }
        (_, found) => Ok(found),
    }
}

/// Inserts a principal and its search terms.
pub fn insert(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    let added = diesel::insert_into(principals::table).values(principal);
    directly!(conn => added.execute(conn))?;
    principal_terms::insert(conn, principal)
}

/// Updates all columns of a stored principal, and its search terms.
pub fn update(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    let changed = diesel::update(principals::table.find(principal.id)).set(principal);
    directly!(conn => changed.execute(conn))?;
    principal_terms::update(conn, principal)
}

/// Marks all principals with a grant of the role as edited.
pub fn mark_holders_edited(conn: &mut DbConnection, role: &str, now: Moment) -> QueryResult<()> {
    let holders = role_grants::table.filter(role_grants::role.eq(role)).select(role_grants::principal_id);
    diesel::update(principals::table.filter(principals::id.eq_any(holders)))
        .set((
            principals::version.eq(principals::version + 1),
            principals::updated_at.eq(now),
            principals::changed_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Sets `changed_at` of all principals with an identity of this issuer, which invalidates their cached state.
pub fn mark_changed_of_issuer(conn: &mut DbConnection, issuer: &str, now: Moment) -> QueryResult<()> {
    let known = identities::table.filter(identities::issuer.eq(issuer)).select(identities::principal_id);
    diesel::update(principals::table.filter(principals::id.eq_any(known)))
        .set(principals::changed_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Returns up to `limit` users that are not deleted, ordered by id, starting after `after`.
pub fn list_users(conn: &mut DbConnection, after: Option<PrincipalId>, limit: i64) -> QueryResult<Vec<Principal>> {
    let mut users = principals::table
        .filter(principals::kind.eq(PrincipalKind::Human))
        .filter(principals::status.ne(PrincipalStatus::Deleted))
        .order(principals::id)
        .limit(limit)
        .select(Principal::as_select())
        .into_boxed();
    if let Some(after) = after {
        users = users.filter(principals::id.gt(after));
    }
    users.load(conn)
}

/// As [`list_users`], for service accounts, each with its registered identity.
pub fn list_service_accounts(
    conn: &mut DbConnection,
    after: Option<PrincipalId>,
    limit: i64,
) -> QueryResult<Vec<(Principal, Identity)>> {
    let mut accounts = principals::table
        .inner_join(identities::table)
        .filter(principals::kind.eq(PrincipalKind::Machine))
        .filter(principals::status.ne(PrincipalStatus::Deleted))
        .order(principals::id)
        .limit(limit)
        .select((Principal::as_select(), Identity::as_select()))
        .into_boxed();
    if let Some(after) = after {
        accounts = accounts.filter(principals::id.gt(after));
    }
    accounts.load(conn)
}

/// Returns up to `limit` principals that were deleted at `before` or earlier, ordered by time of deletion.
pub fn list_deleted(conn: &mut DbConnection, before: Moment, limit: i64) -> QueryResult<Vec<Principal>> {
    principals::table
        .filter(principals::deleted_at.le(before))
        .order(principals::deleted_at)
        .limit(limit)
        .select(Principal::as_select())
        .load(conn)
}

/// Deletes a principal. Its identities, grants, sessions, search terms and stored responses are deleted by cascade.
pub fn purge(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<()> {
    diesel::delete(principals::table.find(id)).execute(conn)?;
    Ok(())
}
