//! Identities of principals at their providers.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Identity, PrincipalId};
use crate::schema::identities;

/// Inserts an identity. Fails with a unique violation if its key is already linked.
pub fn insert(conn: &mut DbConnection, identity: &Identity) -> QueryResult<()> {
    let added = diesel::insert_into(identities::table).values(identity);
    directly!(conn => added.execute(conn))?;
    Ok(())
}

/// Returns the identities of a principal, oldest first.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<Identity>> {
    identities::table
        .filter(identities::principal_id.eq(principal))
        .order(identities::id)
        .select(Identity::as_select())
        .load(conn)
}

/// Returns all identities of an issuer, oldest first.
pub fn list_of_issuer(conn: &mut DbConnection, issuer: &str) -> QueryResult<Vec<Identity>> {
    identities::table
        .filter(identities::issuer.eq(issuer))
        .order(identities::id)
        .select(Identity::as_select())
        .load(conn)
}

/// Whether both issuers have an identity with the same kind and subject.
pub fn share_subject(conn: &mut DbConnection, one: &str, other: &str) -> QueryResult<bool> {
    let others = diesel::alias!(identities as others);
    let shared = identities::table
        .inner_join(
            others.on(others
                .field(identities::kind)
                .eq(identities::kind)
                .and(others.field(identities::subject).eq(identities::subject))),
        )
        .filter(identities::issuer.eq(one))
        .filter(others.field(identities::issuer).eq(other))
        .select(identities::id)
        .first::<String>(conn)
        .optional()?;
    Ok(shared.is_some())
}

/// Moves all identities of issuer `from` to issuer `to`. Fails with a unique violation if `to` already has one of the subjects.
pub fn rename_issuer(conn: &mut DbConnection, from: &str, to: &str) -> QueryResult<()> {
    diesel::update(identities::table.filter(identities::issuer.eq(from)))
        .set(identities::issuer.eq(to))
        .execute(conn)?;
    Ok(())
}

/// Deletes an identity of a principal. Returns whether it existed.
pub fn delete(conn: &mut DbConnection, principal: PrincipalId, id: &str) -> QueryResult<bool> {
    let identity = identities::table.find(id).filter(identities::principal_id.eq(principal));
    Ok(diesel::delete(identity).execute(conn)? > 0)
}
