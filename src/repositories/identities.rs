//! How providers know principals.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::{Identity, PrincipalId};
use crate::schema::identities;

/// Links an identity to its principal. Fails with a unique violation when the identity is linked already.
pub fn insert(conn: &mut DbConnection, identity: &Identity) -> QueryResult<()> {
    diesel::insert_into(identities::table).values(identity).execute(conn)?;
    Ok(())
}

/// The identities of a principal, oldest first.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<Identity>> {
    identities::table
        .filter(identities::principal_id.eq(principal))
        .order(identities::id)
        .select(Identity::as_select())
        .load(conn)
}

/// Takes an identity from a principal. Returns whether it was there.
pub fn delete(conn: &mut DbConnection, principal: PrincipalId, id: &str) -> QueryResult<bool> {
    let identity = identities::table.find(id).filter(identities::principal_id.eq(principal));
    Ok(diesel::delete(identity).execute(conn)? > 0)
}
