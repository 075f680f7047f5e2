//! The doors from async code to the database: [`Database::read`] and [`Database::write`].
//!
//! Each is one transaction on a blocking thread, inside the caller's tracing span. Readers never wait for the writer (SQLite's
//! write-ahead log) and cannot write; writers come one after another, in the order they asked, and a transaction that fails
//! leaves nothing behind. Whoever waits too long is told that the database is out of reach, not that the request was wrong.

mod changes;
mod closing;
mod config;
mod connection;
mod error;
mod lane;
mod manager;
mod migrations;
mod outside;
mod schema_state;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::{Arc, OnceLock};

use diesel::{QueryDsl, RunQueryDsl};

pub use changes::{Changes, Mark, Subject, Touched};
pub use closing::Closed;
use closing::Closing;
pub use config::{DatabaseConfig, DatabaseUrl, Synchronous};
pub use connection::{DbConnection, MultiBackend};
pub use error::DatabaseError;
use lane::Lane;
use manager::Purpose;
use outside::Outside;
pub use usage::PoolUsage;

use crate::schema::roles;

/// How many transactions may read at once.
const READERS: u32 = 8;

/// A handle on the database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<Lanes>);

struct Lanes {
    readers: Lane,
    writer: Lane,
    changes: Arc<Changes>,
    outside: Outside,
    /// The last of all: it goes when the connections have gone.
    closing: Closing,
}

impl Database {
    /// Opens the database, making its file where there is none. Says in words what is wrong when that is not possible.
    pub fn open(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        // The writer first: it turns the write-ahead log on.
        let writer = Lane::open(config, Purpose::Write, 1)?;
        let readers = Lane::open(config, Purpose::Read, READERS)?;
        let (changes, outside) = (Arc::default(), Outside::default());
        Ok(Self(Arc::new(Lanes { readers, writer, changes, outside, closing: Closing::default() })))
    }

    /// Runs `work` in a transaction that sees one state of the database and changes nothing.
    pub async fn read<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.0.readers.transaction(work, || ()).await
    }

    /// Runs `work` in the one writing transaction of the moment. What it did is kept if it returns `Ok`, and undone otherwise.
    ///
    /// It is taken to bear on everyone: whatever was remembered is read anew. A change that is made often says whom it touches, by
    /// [`write_touching`](Self::write_touching).
    pub async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.write_touching(|conn| Ok((work(conn)?, Touched::Everyone))).await
    }

    /// As [`write`](Self::write), for `work` that says whom its change bears on. That is noted once the transaction has ended, on the
    /// same thread: a caller that no longer waits takes nothing back.
    pub async fn write_touching<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<(T, Touched), E> + Send + 'static,
    {
        let (changes, told) = (Arc::clone(&self.0.changes), Arc::new(OnceLock::new()));
        let tell = Arc::clone(&told);
        let work = move |conn: &mut DbConnection| {
            let (value, touched) = work(conn)?;
            tell.get_or_init(|| touched);
            Ok(value)
        };
        // Where the commit failed as well: whether it did can be in doubt.
        let note = move || told.get().into_iter().for_each(|touched| changes.note(*touched));
        self.0.writer.transaction(work, note).await
    }

    /// How busy each pool of connections is.
    pub fn usage(&self) -> Vec<PoolUsage> {
        vec![self.0.readers.usage(), self.0.writer.usage()]
    }

    /// The order of the changes made here.
    pub fn changes(&self) -> &Arc<Changes> {
        &self.0.changes
    }

    /// Looks whether another process has changed the database since the last time, and if so, or if that can't be known, notes that
    /// everyone is touched. Returns whether it was so.
    pub async fn notice_outside_changes(&self) -> Result<bool, DatabaseError> {
        let seen = self.0.writer.outside_version().await?;
        let is_news = self.0.outside.is_news(seen);
        if is_news {
            self.0.changes.note(Touched::Everyone);
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
    /// A migrated database of its own in a folder that goes when the guard is dropped.
    pub(crate) fn temporary() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let database = Self::open(&tests::config(&folder)).unwrap();
        database.migrate(&[]).unwrap();
        (folder, database)
    }
}
