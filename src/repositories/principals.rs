//! People and programs.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Identity, IdentityKey, Moment, Principal, PrincipalId, PrincipalKind, PrincipalStatus};
use crate::schema::{identities, principals, role_grants};

use super::principal_terms;

/// The principal of this id, if there is one.
pub fn find(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<Option<Principal>> {
    principals::table.find(id).select(Principal::as_select()).get_result(conn).optional()
}

/// The same, held until the transaction ends: nobody else changes it meanwhile, and what is read of it is what will be written over.
pub fn find_for_update(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<Option<Principal>> {
    match conn {
        // There is one writer.
        DbConnection::Sqlite(_) => find(conn, id),
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => {
            // Others may still refer to it, and read it.
            let held = principals::table.find(id).for_no_key_update();
            held.select(Principal::as_select()).get_result(postgres).optional()
        }
    }
}

/// The principal linked to this identity, if there is one.
pub fn find_by_identity(conn: &mut DbConnection, identity: &IdentityKey) -> QueryResult<Option<Principal>> {
    Ok(find_linked(conn, identity)?.map(|(principal, _)| principal))
}

/// The principal linked to this identity, with the id of the identity.
pub fn find_linked(conn: &mut DbConnection, identity: &IdentityKey) -> QueryResult<Option<(Principal, String)>> {
    let linked = identities::table
        .inner_join(principals::table)
        .filter(identities::issuer.eq(&identity.issuer))
        .filter(identities::kind.eq(identity.kind))
        .filter(identities::subject.eq(&identity.subject));
    directly!(conn => linked.select((Principal::as_select(), identities::id)).get_result(conn)).optional()
}

/// The same, held as by [`find_for_update`].
pub fn find_linked_for_update(
    conn: &mut DbConnection,
    identity: &IdentityKey,
) -> QueryResult<Option<(Principal, String)>> {
    let found = find_linked(conn, identity)?;
    match (&*conn, found) {
        #[cfg(feature = "postgres")]
        (DbConnection::Postgres(_), Some((principal, identity))) => {
            Ok(find_for_update(conn, principal.id)?.map(|held| (held, identity)))
        }
        (_, found) => Ok(found),
    }
}

/// Adds a principal and what it is found by.
pub fn insert(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    let added = diesel::insert_into(principals::table).values(principal);
    directly!(conn => added.execute(conn))?;
    principal_terms::insert(conn, principal)
}

/// Writes all columns of a principal that is there already, and what it is found by.
pub fn update(conn: &mut DbConnection, principal: &Principal) -> QueryResult<()> {
    let changed = diesel::update(principals::table.find(principal.id)).set(principal);
    directly!(conn => changed.execute(conn))?;
    principal_terms::update(conn, principal)
}

/// Marks everyone who was granted a role as edited.
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

/// Marks that something bears on the requests of every principal that this issuer knows.
pub fn mark_changed_of_issuer(conn: &mut DbConnection, issuer: &str, now: Moment) -> QueryResult<()> {
    let known = identities::table.filter(identities::issuer.eq(issuer)).select(identities::principal_id);
    diesel::update(principals::table.filter(principals::id.eq_any(known)))
        .set(principals::changed_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Up to `limit` people that are not deleted, in the order of their ids, from the one after `after`.
pub fn list_people(conn: &mut DbConnection, after: Option<PrincipalId>, limit: i64) -> QueryResult<Vec<Principal>> {
    let mut people = principals::table
        .filter(principals::kind.eq(PrincipalKind::Human))
        .filter(principals::status.ne(PrincipalStatus::Deleted))
        .order(principals::id)
        .limit(limit)
        .select(Principal::as_select())
        .into_boxed();
    if let Some(after) = after {
        people = people.filter(principals::id.gt(after));
    }
    people.load(conn)
}

/// The same of programs, each with the identity it is registered under.
pub fn list_programs(
    conn: &mut DbConnection,
    after: Option<PrincipalId>,
    limit: i64,
) -> QueryResult<Vec<(Principal, Identity)>> {
    let mut programs = principals::table
        .inner_join(identities::table)
        .filter(principals::kind.eq(PrincipalKind::Machine))
        .filter(principals::status.ne(PrincipalStatus::Deleted))
        .order(principals::id)
        .limit(limit)
        .select((Principal::as_select(), Identity::as_select()))
        .into_boxed();
    if let Some(after) = after {
        programs = programs.filter(principals::id.gt(after));
    }
    programs.load(conn)
}

/// Up to `limit` principals that were deleted at `before` or earlier, the longest deleted first.
pub fn list_deleted(conn: &mut DbConnection, before: Moment, limit: i64) -> QueryResult<Vec<Principal>> {
    principals::table
        .filter(principals::deleted_at.le(before))
        .order(principals::deleted_at)
        .limit(limit)
        .select(Principal::as_select())
        .load(conn)
}

/// Removes a principal for good, and with it its identities, its grants, what it is found by and the answers that tell of it.
pub fn purge(conn: &mut DbConnection, id: PrincipalId) -> QueryResult<()> {
    diesel::delete(principals::table.find(id)).execute(conn)?;
    Ok(())
}
