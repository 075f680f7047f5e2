//! What is left of people who were purged: hashes of their identities, and the key that these are made with.

use diesel::prelude::*;

use crate::database::{DbConnection, directly};
use crate::models::{Moment, PrincipalId};
use crate::schema::{tombstone_keys, tombstones};

/// The one row of keys.
const THE_KEY: i32 = 1;

/// The key, if one was ever needed.
pub fn find_key(conn: &mut DbConnection) -> QueryResult<Option<String>> {
    let key = tombstone_keys::table.find(THE_KEY).select(tombstone_keys::key);
    directly!(conn => key.get_result(conn)).optional()
}

/// Keeps the key. Fails with a unique violation when there is one.
pub fn insert_key(conn: &mut DbConnection, key: &str) -> QueryResult<()> {
    let row = (tombstone_keys::id.eq(THE_KEY), tombstone_keys::key.eq(key));
    diesel::insert_into(tombstone_keys::table).values(row).execute(conn)?;
    Ok(())
}

/// Whose identity has this hash, if it is that of somebody who was purged.
pub fn find(conn: &mut DbConnection, identity_hash: &str) -> QueryResult<Option<PrincipalId>> {
    let purged = tombstones::table.find(identity_hash).select(tombstones::principal_id);
    directly!(conn => purged.get_result(conn)).optional()
}

/// Marks an identity as that of somebody who was purged.
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

/// Removes the mark.
pub fn delete(conn: &mut DbConnection, identity_hash: &str) -> QueryResult<()> {
    diesel::delete(tombstones::table.find(identity_hash)).execute(conn)?;
    Ok(())
}
