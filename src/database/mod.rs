//! The doors from async code to the database: [`Database::read`] and [`Database::write`].
//!
//! Each is one transaction on a blocking thread, inside the caller's tracing span. Readers never wait for the writer (SQLite's
//! write-ahead log) and cannot write; writers come one after another, in the order they asked, and a transaction that fails
//! leaves nothing behind. Whoever waits too long is told that the database is out of reach, not that the request was wrong.

mod config;
mod connection;
mod error;
mod lane;
mod manager;
mod migrations;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use diesel::{QueryDsl, RunQueryDsl};

pub use config::{DatabaseConfig, DatabaseUrl, Synchronous};
pub use connection::{DbConnection, MultiBackend};
pub use error::DatabaseError;
use lane::Lane;
pub use lane::PoolUsage;
use manager::Purpose;

use crate::schema::roles;

/// How many transactions may read at once.
const READERS: u32 = 8;

/// A handle on the database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<Lanes>);

struct Lanes {
    readers: Lane,
    writer: Lane,
}

impl Database {
    /// Opens the database, making its file where there is none. Says in words what is wrong when that is not possible.
    pub fn open(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        // The writer first: it turns the write-ahead log on.
        let writer = Lane::open(config, Purpose::Write, 1)?;
        let readers = Lane::open(config, Purpose::Read, READERS)?;
        Ok(Self(Arc::new(Lanes { readers, writer })))
    }

    /// Runs `work` in a transaction that sees one state of the database and changes nothing.
    pub async fn read<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.0.readers.transaction(work).await
    }

    /// Runs `work` in the one writing transaction of the moment. What it did is kept if it returns `Ok`, and undone otherwise.
    pub async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.0.writer.transaction(work).await
    }

    /// How busy each pool of connections is.
    pub fn usage(&self) -> Vec<PoolUsage> {
        vec![self.0.readers.usage(), self.0.writer.usage()]
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
