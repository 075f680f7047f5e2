//! The last good key set of each issuer and the lease for fetching it.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::{KeySetTurn, StoredKeySet};
use crate::schema::{key_set_turns, key_sets};

/// Returns the last good key set of `issuer`, if one is stored.
pub fn find(conn: &mut DbConnection, issuer: &str) -> QueryResult<Option<StoredKeySet>> {
    key_sets::table.find(issuer).select(StoredKeySet::as_select()).get_result(conn).optional()
}

/// Stores a key set and replaces the former one of the issuer.
pub fn save(conn: &mut DbConnection, key_set: &StoredKeySet) -> QueryResult<()> {
    let row = diesel::insert_into(key_sets::table).values(key_set).on_conflict(key_sets::issuer).do_update();
    match conn {
        DbConnection::Sqlite(sqlite) => row.set(key_set).execute(sqlite)?,
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => row.set(key_set).execute(postgres)?,
    };
    Ok(())
}

/// Returns the fetch lease of an issuer, locked until the transaction ends. Inserts `otherwise` if none is stored.
pub fn find_turn_for_update(conn: &mut DbConnection, otherwise: &KeySetTurn) -> QueryResult<KeySetTurn> {
    let first = diesel::insert_into(key_set_turns::table).values(otherwise).on_conflict_do_nothing();
    let turn = key_set_turns::table.find(&otherwise.issuer);
    match conn {
        DbConnection::Sqlite(sqlite) => {
            first.execute(sqlite)?;
            turn.select(KeySetTurn::as_select()).get_result(sqlite)
        }
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => {
            first.execute(postgres)?;
            turn.for_update().select(KeySetTurn::as_select()).get_result(postgres)
        }
    }
}

/// Updates the stored fetch lease of an issuer.
pub fn update_turn(conn: &mut DbConnection, turn: &KeySetTurn) -> QueryResult<()> {
    diesel::update(key_set_turns::table.find(&turn.issuer)).set(turn).execute(conn)?;
    Ok(())
}

/// Deletes the key set of `issuer`.
pub fn delete(conn: &mut DbConnection, issuer: &str) -> QueryResult<()> {
    diesel::delete(key_sets::table.find(issuer)).execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Database, DatabaseError};

    #[tokio::test]
    async fn saved_key_set_replaces_the_former_one() {
        let (_folder, database) = Database::temporary();
        let kept = |document: &str| StoredKeySet {
            issuer: "https://issuer.test".into(),
            document: document.into(),
            fetched_at: chrono::DateTime::UNIX_EPOCH.into(),
        };
        for key_set in [kept("first"), kept("second")] {
            database.write(move |conn| Ok::<_, DatabaseError>(save(conn, &key_set)?)).await.unwrap();
        }
        let found = |issuer: &'static str| database.read(move |conn| Ok::<_, DatabaseError>(find(conn, issuer)?));
        assert_eq!(found("https://issuer.test").await.unwrap(), Some(kept("second")));
        assert_eq!(found("https://issuer.test/").await.unwrap(), None);
    }
}
