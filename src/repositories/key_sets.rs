//! The last good key set of each issuer.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::StoredKeySet;
use crate::schema::key_sets;

/// The last good key set of `issuer`, if one was ever kept.
pub fn find(conn: &mut DbConnection, issuer: &str) -> QueryResult<Option<StoredKeySet>> {
    key_sets::table.find(issuer).select(StoredKeySet::as_select()).first(conn).optional()
}

/// Keeps a key set in the place of the issuer's former one.
pub fn save(conn: &mut DbConnection, key_set: &StoredKeySet) -> QueryResult<()> {
    let DbConnection::Sqlite(sqlite) = conn;
    diesel::replace_into(key_sets::table).values(key_set).execute(sqlite)?;
    Ok(())
}
