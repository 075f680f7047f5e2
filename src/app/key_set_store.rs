//! Keeps the last good key sets in the database.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::database::{Database, DatabaseError, Touched};
use crate::models;
use crate::oidc::{KeySetStore, StoreError, StoredKeySet};
use crate::repositories::key_sets;

/// The database as `oidc` sees it.
pub(super) struct DatabaseKeySetStore(Database);

impl DatabaseKeySetStore {
    pub(super) fn new(database: Database) -> Self {
        Self(database)
    }
}

impl KeySetStore for DatabaseKeySetStore {
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        let issuer = issuer.to_owned();
        let found = self.0.read(move |conn| Ok::<_, DatabaseError>(key_sets::find(conn, &issuer)?));
        found
            .map(
                |found| Ok(found?.map(|row| StoredKeySet { document: row.document, fetched_at: row.fetched_at.utc() })),
            )
            .boxed()
    }

    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        let key_set = models::StoredKeySet {
            issuer: issuer.to_owned(),
            document: key_set.document,
            fetched_at: key_set.fetched_at.into(),
        };
        let saved = self.0.write_beside(move |conn| {
            key_sets::save(conn, &key_set)?;
            Ok::<_, DatabaseError>(((), Touched::Nobody))
        });
        saved.map(|saved| saved.map_err(Into::into)).boxed()
    }
}
