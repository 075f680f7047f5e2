//! Tombstones of purged users: keyed hashes of their identities, and the hash key.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Moment, PrincipalId};
use crate::schema::{tombstone_keys, tombstones};

/// The id of the single key row.
const KEY_ID: i32 = 1;

/// Returns the hash key, if there is one.
pub fn find_key(conn: &mut DbConnection) -> QueryResult<Option<String>> {
    let key = tombstone_keys::table.find(KEY_ID).select(tombstone_keys::key);
    directly!(conn => key.get_result(conn)).optional()
}

/// Stores the hash key. Fails with a unique violation if there is one already.
pub fn insert_key(conn: &mut DbConnection, key: &str) -> QueryResult<()> {
    let row = (tombstone_keys::id.eq(KEY_ID), tombstone_keys::key.eq(key));
    diesel::insert_into(tombstone_keys::table).values(row).execute(conn)?;
    Ok(())
}

/// Returns the purged principal whose identity has this hash, if any.
pub fn find(conn: &mut DbConnection, identity_hash: &str) -> QueryResult<Option<PrincipalId>> {
    let purged = tombstones::table.find(identity_hash).select(tombstones::principal_id);
    directly!(conn => purged.get_result(conn)).optional()
}

/// Inserts the tombstone of an identity.
pub fn insert(
    conn: &mut DbConnection,
    identity_hash: &str,
    principal: PrincipalId,
    purged_at: Moment,
) -> QueryResult<()> {
    let row = (
        tombstones::identity_hash.eq(identity_hash),
        tombstones::principal_id.eq(principal),
        tombstones::purged_at.eq(purged_at),
    );
    diesel::insert_into(tombstones::table).values(row).execute(conn)?;
    Ok(())
}

/// Deletes the tombstone of an identity.
pub fn delete(conn: &mut DbConnection, identity_hash: &str) -> QueryResult<()> {
    diesel::delete(tombstones::table.find(identity_hash)).execute(conn)?;
    Ok(())
}
