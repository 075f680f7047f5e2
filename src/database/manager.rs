//! Opens SQLite connections for the pools, each with its pragmas set.
//!
//! Diesel's own `establish` for a multi-connection swallows the cause, and its pool manager would try any backend. This one
//! keeps the cause and leaves the address out of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{HandleError, ManageConnection, R2D2Connection};
use diesel::sqlite::SqliteConnection;

use super::connection::DbConnection;
use super::{DatabaseConfig, DatabaseError, Synchronous};

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Queries only: SQLite refuses every change.
    Read,
    /// Changes, one transaction at a time.
    Write,
}

impl Purpose {
    /// The purpose in one word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Makes connections of one purpose to one file.
pub(super) struct SqliteManager {
    file: PathBuf,
    synchronous: Synchronous,
    purpose: Purpose,
    connections: Arc<AtomicU64>,
}

impl SqliteManager {
    /// Fails in words when the file's folder does not exist; SQLite would only say that it cannot open the file.
    pub(super) fn new(config: &DatabaseConfig, purpose: Purpose) -> Result<Self, DatabaseError> {
        // An absolute path cannot be mistaken for one of SQLite's own notations (`file:…`, `:memory:`).
        let file = std::path::absolute(config.url.file())
            .map_err(|_| DatabaseError::Open("the path of the file cannot be resolved"))?;
        if !file.parent().is_some_and(Path::is_dir) {
            return Err(DatabaseError::Open("the file's folder does not exist; create it or name another"));
        }
        if file.is_dir() {
            return Err(DatabaseError::Open("names a folder; it must name a file"));
        }
        Ok(Self { file, synchronous: config.synchronous, purpose, connections: Arc::default() })
    }

    /// How many connections it has opened so far.
    pub(super) fn connections(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.connections)
    }

    /// One pragma a statement and in this order: the waiting time must be set before anything can wait.
    fn prepare(&self, connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
        connection.batch_execute("PRAGMA busy_timeout = 5000")?;
        connection.batch_execute("PRAGMA journal_mode = WAL")?;
        connection.batch_execute(&format!("PRAGMA synchronous = {}", self.synchronous.pragma()))?;
        connection.batch_execute("PRAGMA foreign_keys = ON")?;
        match self.purpose {
            Purpose::Read => connection.batch_execute("PRAGMA query_only = ON"),
            Purpose::Write => Ok(()),
        }
    }
}

impl ManageConnection for SqliteManager {
    type Connection = DbConnection;
    type Error = DatabaseError;

    fn connect(&self) -> Result<DbConnection, DatabaseError> {
        let path = self.file.to_str().ok_or(DatabaseError::Open("the path of the file must be UTF-8"))?;
        let mut connection = SqliteConnection::establish(path).map_err(DatabaseError::unavailable)?;
        self.prepare(&mut connection).map_err(DatabaseError::unavailable)?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(DbConnection::Sqlite(connection))
    }

    fn is_valid(&self, connection: &mut DbConnection) -> Result<(), DatabaseError> {
        connection.ping().map_err(DatabaseError::unavailable)
    }

    fn has_broken(&self, connection: &mut DbConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

/// Tells the log why a connection could not be made; the pool itself only remembers the last sentence.
#[derive(Debug)]
pub(super) struct LogRefusedConnections;

impl HandleError<DatabaseError> for LogRefusedConnections {
    fn handle_error(&self, error: DatabaseError) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(cause, "{error}");
    }
}
