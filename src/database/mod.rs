//! Async access to the database: [`Database::read`] and [`Database::write`].
//!
//! Each call runs one transaction on a blocking thread, inside the caller's tracing span. Readers never wait for a writer and cannot write.
//! Writers are serialized: in SQLite by the database itself, in PostgreSQL by an advisory lock that all replicas share. A failed
//! transaction is rolled back as a whole. A caller that waits too long gets [`DatabaseError::Unavailable`], not an error about its request.
//!
//! A change to a single principal uses [`Database::write_concurrently`]. On PostgreSQL it does not take the advisory lock: `work` locks the
//! row that it depends on (`find_for_update`) and has to handle another transaction that inserts the same row at the same time. On SQLite
//! the waiting writers share one transaction (group commit).

mod change_feed;
mod change_query;
mod closing;
mod config;
mod connection;
mod error;
mod group_commit;
mod invalidations;
mod listening;
mod manager;
mod migrations;
mod outside;
#[cfg(feature = "postgres")]
mod postgres;
mod private_file;
mod schema_state;
mod sqlite;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod transaction_mode;
mod transaction_pool;
mod usage;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};

pub use change_feed::{ChangeFeedHealth, UpTo};
pub use change_query::ChangeQuery;
#[cfg(feature = "postgres")]
pub use change_query::ChangedRows;
pub use closing::Closed;
use closing::Closing;
pub use config::{DatabaseConfig, DatabaseUrl, Synchronous};
pub(crate) use connection::directly;
pub use connection::{DbConnection, MultiBackend};
pub use error::DatabaseError;
pub use invalidations::{Invalidates, InvalidationKey, Invalidations, Version};
pub use listening::Listening;
use outside::LastExternalVersion;
use transaction_mode::TransactionMode;
use transaction_pool::{Deadline, TransactionPool};
pub use usage::PoolUsage;

/// A handle on the database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<TransactionPools>);

struct TransactionPools {
    config: Arc<DatabaseConfig>,
    readers: TransactionPool,
    writer: TransactionPool,
    changes: Arc<Invalidations>,
    change_feed: Arc<ChangeFeedHealth>,
    last_external: LastExternalVersion,
    /// The prefix of the notices that this process sends. It identifies and skips our own notices.
    origin: Arc<str>,
    /// The last field: it is dropped after the connections.
    closing: Closing,
}

impl TransactionPools {
    /// Runs `work` under the migration lock: one process migrates at a time.
    fn migrate<T>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let url = self.config.url_for_migrations()?;
        if *url == self.config.url {
            self.writer.transaction_here(TransactionMode::Migrate, work)
        } else {
            transaction::transaction_on_new_connection(url, &self.config, TransactionMode::Migrate, work)
        }
    }
}

impl Database {
    /// Opens the database and creates the SQLite file if it does not exist. Fails with a message for the operator.
    pub fn open(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        let config = Arc::new(config.clone());
        let (readers, writer) = if config.url.is_server() {
            let both = TransactionPool::open(&config, TransactionMode::Exclusive, config.pool_size, "all")?;
            (both.clone(), both)
        } else {
            // The writer first: it enables the write-ahead log.
            let writer = TransactionPool::open(&config, TransactionMode::Exclusive, 1, "write")?;
            (TransactionPool::open(&config, TransactionMode::Read, config.pool_size, "read")?, writer)
        };
        Ok(Self(Arc::new(TransactionPools {
            config,
            readers,
            writer,
            changes: Arc::default(),
            change_feed: Arc::default(),
            last_external: LastExternalVersion::default(),
            origin: format!("{:016x}", RandomState::new().hash_one(std::process::id())).into(),
            closing: Closing::default(),
        })))
    }

    /// Runs `work` in a read-only transaction on one snapshot of the database.
    pub async fn read<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.0.readers.transaction(TransactionMode::Read, Deadline::Caller, work, || None, || ()).await
    }

    /// Runs `work` in an exclusive write transaction: one at a time across all replicas. Commits if it returns `Ok`, and rolls back
    /// otherwise.
    ///
    /// Invalidates every cached entry. A frequent change should name what it invalidates, with
    /// [`write_invalidating`](Self::write_invalidating).
    pub async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.write_invalidating(|conn| Ok((work(conn)?, Invalidates::Everything))).await
    }

    /// As [`write`](Self::write), for `work` that returns what it invalidates. The invalidation is recorded after the transaction has
    /// ended, on the same thread, also if the caller no longer waits.
    pub async fn write_invalidating<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        self.transaction(TransactionMode::Exclusive, Deadline::Caller, work).await
    }

    /// As [`write`](Self::write), for maintenance `work` of many statements: it has no overall deadline, only the limit of each statement.
    pub async fn write_unbounded<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.transaction(TransactionMode::Exclusive, Deadline::None, |conn| Ok((work(conn)?, Invalidates::Everything)))
            .await
    }

    /// As [`write_invalidating`](Self::write_invalidating), but concurrently with other writers on PostgreSQL, and in a group commit with
    /// them on SQLite. See the module.
    pub async fn write_concurrently<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        self.transaction(TransactionMode::Concurrent, Deadline::Caller, work).await
    }

    async fn transaction<T, E, W>(&self, mode: TransactionMode, deadline: Deadline, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        let invalidated = Arc::new(OnceLock::new());
        let slot = Arc::clone(&invalidated);
        let work = move |conn: &mut DbConnection| {
            let (value, invalidates) = work(conn)?;
            slot.get_or_init(|| invalidates);
            Ok(value)
        };
        let (for_notice, origin) = (Arc::clone(&invalidated), Arc::clone(&self.0.origin));
        let notice = move || for_notice.get()?.to_notice().map(|payload| format!("{origin} {payload}"));
        let changes = Arc::clone(&self.0.changes);
        // Also after a failed commit: its outcome can be in doubt.
        let note = move || invalidated.get().into_iter().for_each(|invalidates| changes.note(invalidates.clone()));
        if mode == TransactionMode::Concurrent && !self.is_shared() {
            return self.0.writer.shared_transaction(work, note).await;
        }
        self.0.writer.transaction(mode, deadline, work, notice, note).await
    }

    /// The usage of each connection pool: `read` and `write` on SQLite, `all` on PostgreSQL.
    pub fn usage(&self) -> Vec<PoolUsage> {
        let (reads, writes) = (self.0.readers.usage(), self.0.writer.usage());
        if reads.pool == writes.pool { vec![writes] } else { vec![reads, writes] }
    }

    /// The invalidations of cached entries, in order.
    pub fn invalidations(&self) -> &Arc<Invalidations> {
        &self.0.changes
    }

    /// Whether other replicas may share the database.
    pub fn is_shared(&self) -> bool {
        self.0.config.url.is_server()
    }

    /// The health of the feed of changes by other processes.
    pub fn change_feed(&self) -> &Arc<ChangeFeedHealth> {
        &self.0.change_feed
    }

    /// Records the changes of other replicas as they happen, until the returned value is dropped. `now` is the clock of the rows'
    /// timestamps, and `query` reads the rows that a poll compares. Returns `None` on SQLite, where changes have to be [polled](Self::notice_external_changes).
    pub fn listen(
        &self,
        query: ChangeQuery,
        now: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> Result<Option<Listening>, DatabaseError> {
        self.0.listen(query, now)
    }

    /// Checks whether another process has changed the database since the last call. If it has, or if that is unknown, invalidates every
    /// cached entry. Returns whether it did.
    pub async fn notice_external_changes(&self) -> Result<bool, DatabaseError> {
        let has_changed = match self.0.writer.external_version().await? {
            Some(version) => self.0.last_external.has_changed(version),
            None => true,
        };
        if has_changed {
            self.0.changes.note(Invalidates::Everything);
        }
        Ok(has_changed)
    }

    /// Returns a value that can be awaited until every connection is closed, which happens when the last handle is dropped.
    pub fn closing(&self) -> Closed {
        self.0.closing.watch()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Database {
    /// A new migrated database, deleted when the guard is dropped.
    pub(crate) fn temporary() -> (testing::TestDatabase, Self) {
        Self::opened(testing::TestDatabase::migrated())
    }

    /// As [`temporary`](Self::temporary), always in SQLite.
    pub(crate) fn temporary_file() -> (testing::TestDatabase, Self) {
        Self::opened(testing::TestDatabase::file())
    }

    fn opened(place: testing::TestDatabase) -> (testing::TestDatabase, Self) {
        let database = Self::open(&tests::config(&place)).unwrap();
        database.migrate(&[]).unwrap();
        (place, database)
    }
}
