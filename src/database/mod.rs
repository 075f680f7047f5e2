//! The doors from async code to the database: [`Database::read`] and [`Database::write`].
//!
//! Each is one transaction on a blocking thread, inside the caller's tracing span. Readers never wait for a writer and cannot write;
//! writers come one after another, in SQLite by its nature and in PostgreSQL by a lock that all replicas share, and a transaction that
//! fails leaves nothing behind. Whoever waits too long is told that the database is out of reach, not that the request was wrong.
//!
//! What bears on one principal alone is written by [`Database::write_concurrently`]. On PostgreSQL it takes no turn: whoever uses it locks the
//! row that it goes by (`find_for_update`), and reckons with somebody who makes the same row at the same time. In SQLite those who wait
//! for their turn share one transaction.

mod change_feed;
mod closing;
mod config;
mod connection;
mod error;
mod group_commit;
mod invalidations;
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
mod transaction_pool;
mod usage;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use diesel::{QueryDsl, RunQueryDsl};

pub use change_feed::{ChangeFeedHealth, UpTo};
pub use closing::Closed;
use closing::Closing;
pub use config::{DatabaseConfig, DatabaseUrl, Synchronous};
pub(crate) use connection::directly;
pub use connection::{DbConnection, MultiBackend};
pub use error::DatabaseError;
pub use invalidations::{Invalidates, InvalidationKey, Invalidations, Version};
use manager::Purpose;
use outside::Outside;
use transaction_pool::{Deadline, TransactionPool};
pub use usage::PoolUsage;

use crate::schema::roles;

/// A handle on the database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<TransactionPools>);

struct TransactionPools {
    config: Arc<DatabaseConfig>,
    readers: TransactionPool,
    writer: TransactionPool,
    changes: Arc<Invalidations>,
    change_feed: Arc<ChangeFeedHealth>,
    outside: Outside,
    /// What notices sent from here begin with, so that they are not taken for somebody else's.
    origin: Arc<str>,
    /// The last of all: it goes when the connections have gone.
    closing: Closing,
}

/// Listens to other replicas until it is dropped.
#[derive(Debug)]
pub struct Listening {
    #[cfg(feature = "postgres")]
    #[expect(dead_code, reason = "held, to be dropped")]
    listening: postgres::Listening,
}

impl TransactionPools {
    #[cfg(feature = "postgres")]
    fn listen(&self, now: impl Fn() -> DateTime<Utc> + Send + 'static) -> Result<Option<Listening>, DatabaseError> {
        let direct = self.config.direct_url.as_ref();
        let listens = direct.is_some() || !self.config.is_pooled;
        let config::DatabaseLocation::Postgres(url) = &direct.unwrap_or(&self.config.url).0 else { return Ok(None) };
        let listener = postgres::Listener {
            url: url.clone(),
            config: Arc::clone(&self.config),
            listens,
            origin: Arc::clone(&self.origin),
            changes: Arc::clone(&self.changes),
            change_feed: Arc::clone(&self.change_feed),
            now,
        };
        Ok(Some(Listening { listening: listener.start()? }))
    }

    #[cfg(not(feature = "postgres"))]
    fn listen(&self, _: impl Fn() -> DateTime<Utc> + Send + 'static) -> Result<Option<Listening>, DatabaseError> {
        Ok(None)
    }

    /// Runs `work` while no other process migrates.
    fn migrate<T>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let url = self.config.url_for_migrations()?;
        if *url == self.config.url {
            self.writer.transaction_here(Purpose::Migrate, work)
        } else {
            transaction_pool::apart(url, &self.config, Purpose::Migrate, work)
        }
    }
}

impl Database {
    /// Opens the database, making its file where there is none. Says in words what is wrong when that is not possible.
    pub fn open(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        let config = Arc::new(config.clone());
        let (readers, writer) = if config.url.is_server() {
            let both = TransactionPool::open(&config, Purpose::Exclusive, config.pool_size, "all")?;
            (both.clone(), both)
        } else {
            // The writer first: it turns the write-ahead log on.
            let writer = TransactionPool::open(&config, Purpose::Exclusive, 1, "write")?;
            (TransactionPool::open(&config, Purpose::Read, config.pool_size, "read")?, writer)
        };
        let (changes, change_feed, outside) = (Arc::default(), Arc::default(), Outside::default());
        let origin = format!("{:016x}", RandomState::new().hash_one(std::process::id())).into();
        let closing = Closing::default();
        Ok(Self(Arc::new(TransactionPools { config, readers, writer, changes, change_feed, outside, origin, closing })))
    }

    /// Runs `work` in a transaction that sees one state of the database and changes nothing.
    pub async fn read<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.0.readers.transaction(Purpose::Read, Deadline::Caller, work, || None, || ()).await
    }

    /// Runs `work` in the one writing transaction of the moment. What it did is kept if it returns `Ok`, and undone otherwise.
    ///
    /// It is taken to bear on everyone: whatever was remembered is read anew. A change that is made often says whom it touches, by
    /// [`write_invalidating`](Self::write_invalidating).
    pub async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.write_invalidating(|conn| Ok((work(conn)?, Invalidates::Everything))).await
    }

    /// As [`write`](Self::write), for `work` that says whom its change bears on. That is noted once the transaction has ended, on the
    /// same thread: a caller that no longer waits takes nothing back.
    pub async fn write_invalidating<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        self.transaction(Purpose::Exclusive, Deadline::Caller, work).await
    }

    /// As [`write`](Self::write), for `work` of many statements that nobody waits for but an operator: it may take its time, each
    /// statement within its limit.
    pub async fn write_unbounded<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.transaction(Purpose::Exclusive, Deadline::None, |conn| Ok((work(conn)?, Invalidates::Everything))).await
    }

    /// As [`write_invalidating`](Self::write_invalidating), beside other writers where the database can, and together with them where it can't:
    /// see the module.
    pub async fn write_concurrently<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        self.transaction(Purpose::Concurrent, Deadline::Caller, work).await
    }

    async fn transaction<T, E, W>(&self, purpose: Purpose, deadline: Deadline, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Invalidates), E> + Send + 'static,
    {
        let (changes, told) = (Arc::clone(&self.0.changes), Arc::new(OnceLock::new()));
        let tell = Arc::clone(&told);
        let work = move |conn: &mut DbConnection| {
            let (value, invalidates) = work(conn)?;
            tell.get_or_init(|| invalidates);
            Ok(value)
        };
        let (to_others, origin) = (Arc::clone(&told), Arc::clone(&self.0.origin));
        let notice = move || to_others.get()?.to_notice().map(|told| format!("{origin} {told}"));
        // Where the commit failed as well: whether it did can be in doubt.
        let note = move || told.get().into_iter().for_each(|invalidates| changes.note(invalidates.clone()));
        if purpose == Purpose::Concurrent && !self.is_shared() {
            return self.0.writer.shared_transaction(work, note).await;
        }
        self.0.writer.transaction(purpose, deadline, work, notice, note).await
    }

    /// How busy each pool of connections is: on SQLite one that reads and one that writes, on PostgreSQL one for all.
    pub fn usage(&self) -> Vec<PoolUsage> {
        let (reads, writes) = (self.0.readers.usage(), self.0.writer.usage());
        if reads.pool == writes.pool { vec![writes] } else { vec![reads, writes] }
    }

    /// The order of the changes made here.
    pub fn invalidations(&self) -> &Arc<Invalidations> {
        &self.0.changes
    }

    /// Whether other replicas may share it.
    pub fn is_shared(&self) -> bool {
        self.0.config.url.is_server()
    }

    /// How well the changes of other processes are known.
    pub fn change_feed(&self) -> &Arc<ChangeFeedHealth> {
        &self.0.change_feed
    }

    /// Has other replicas' changes noted as they happen, until the value is dropped; `now` tells the time that rows carry. `None` where
    /// there are no other replicas: SQLite's file has to be [looked at](Self::notice_external_changes).
    pub fn listen(&self, now: impl Fn() -> DateTime<Utc> + Send + 'static) -> Result<Option<Listening>, DatabaseError> {
        self.0.listen(now)
    }

    /// Looks whether another process has changed the database since the last time, and if so, or if that can't be known, notes that
    /// everyone is touched. Returns whether it was so.
    pub async fn notice_external_changes(&self) -> Result<bool, DatabaseError> {
        let is_news = match self.0.writer.external_version().await? {
            Some(seen) => self.0.outside.is_news(seen),
            None => true,
        };
        if is_news {
            self.0.changes.note(Invalidates::Everything);
        }
        Ok(is_news)
    }

    /// Tells when every connection has been closed, which they are when the last handle goes.
    pub fn closing(&self) -> Closed {
        self.0.closing.watch()
    }

    /// Succeeds when the database answers and has been migrated.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.read(|conn| {
            roles::table.select(roles::name).first::<String>(conn)?;
            Ok(())
        })
        .await
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Database {
    /// A migrated database of its own, which goes when the guard is dropped.
    pub(crate) fn temporary() -> (testing::TestDatabase, Self) {
        Self::opened(testing::TestDatabase::migrated())
    }

    /// The same in SQLite, whatever the environment asks for.
    pub(crate) fn temporary_file() -> (testing::TestDatabase, Self) {
        Self::opened(testing::TestDatabase::file())
    }

    fn opened(place: testing::TestDatabase) -> (testing::TestDatabase, Self) {
        let database = Self::open(&tests::config(&place)).unwrap();
        database.migrate(&[]).unwrap();
        (place, database)
    }
}
