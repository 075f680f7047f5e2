//! Opens connections for the pools, to the kind of database that the URL names.
//!
//! Diesel's own `establish` for a multi-connection drops the cause of a failure, and its pool manager would try any backend. This manager
//! keeps the cause and never includes the URL, which may hold a password.

use std::ops::{Deref, DerefMut};

use diesel::connection::TransactionManager;
use diesel::r2d2::{HandleError, ManageConnection, R2D2Connection};
use diesel::{Connection, QueryResult};

use super::config::DatabaseLocation;
use super::connection::DbConnection;
#[cfg(feature = "postgres")]
use super::postgres::{self, PostgresOpener};
use super::sqlite::{self, SqliteOpener};
use super::transaction_mode::TransactionMode;
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};

/// A pooled connection, and whether it was marked as broken.
pub(super) struct ManagedConnection {
    connection: DbConnection,
    is_marked_broken: bool,
}

impl ManagedConnection {
    /// Makes the pool drop the connection instead of reusing it. For a connection whose state is unknown.
    pub(super) fn mark_broken(&mut self) {
        self.is_marked_broken = true;
    }

    /// Begins a transaction. After a failure no transaction is open, or the connection is marked as broken.
    pub(super) fn begin(&mut self, mode: TransactionMode, config: &DatabaseConfig) -> QueryResult<()> {
        #[cfg(not(feature = "postgres"))]
        let _ = config;
        match &mut self.connection {
            DbConnection::Sqlite(sqlite) => sqlite::begin(sqlite, mode),
            #[cfg(feature = "postgres")]
            DbConnection::Postgres(postgres) => postgres::begin(postgres, mode, config).inspect_err(|_| {
                // If only a part failed, such as the wait for a lock, the connection stays usable.
                self.is_marked_broken = postgres::roll_back(postgres).is_err();
            }),
        }
    }

    /// Commits the transaction and, on PostgreSQL, sends `notice` to the other replicas. Fails if the transaction was not committed, or if
    /// the outcome is unknown.
    pub(super) fn commit(&mut self, notice: Option<&str>) -> QueryResult<()> {
        #[cfg(not(feature = "postgres"))]
        let _ = notice;
        match &mut self.connection {
            DbConnection::Sqlite(_) => {
                <DbConnection as Connection>::TransactionManager::commit_transaction(&mut self.connection)
            }
            #[cfg(feature = "postgres")]
            DbConnection::Postgres(postgres) => postgres::commit(postgres, notice),
        }
    }

    /// Rolls back the transaction.
    pub(super) fn roll_back(&mut self) -> QueryResult<()> {
        <DbConnection as Connection>::TransactionManager::rollback_transaction(&mut self.connection)
    }
}

impl Deref for ManagedConnection {
    type Target = DbConnection;

    fn deref(&self) -> &DbConnection {
        &self.connection
    }
}

impl DerefMut for ManagedConnection {
    fn deref_mut(&mut self) -> &mut DbConnection {
        &mut self.connection
    }
}

/// Opens connections to one database.
pub(super) enum Manager {
    Sqlite(SqliteOpener),
    #[cfg(feature = "postgres")]
    Postgres(PostgresOpener),
}

impl Manager {
    /// The manager for the database at `url`. A SQLite connection has one mode; a PostgreSQL connection serves all.
    pub(super) fn new(
        url: &DatabaseUrl,
        config: &DatabaseConfig,
        mode: TransactionMode,
    ) -> Result<Self, DatabaseError> {
        match &url.0 {
            DatabaseLocation::Sqlite(file) => Ok(Self::Sqlite(SqliteOpener::new(file, config, mode)?)),
            #[cfg(feature = "postgres")]
            DatabaseLocation::Postgres(url) => Ok(Self::Postgres(PostgresOpener::new(url, config))),
        }
    }
}

impl ManageConnection for Manager {
    type Connection = ManagedConnection;
    type Error = DatabaseError;

    fn connect(&self) -> Result<ManagedConnection, DatabaseError> {
        let connection = match self {
            Self::Sqlite(opener) => DbConnection::Sqlite(opener.open()?),
            #[cfg(feature = "postgres")]
            Self::Postgres(opener) => DbConnection::Postgres(opener.open()?),
        };
        Ok(ManagedConnection { connection, is_marked_broken: false })
    }

    fn is_valid(&self, connection: &mut ManagedConnection) -> Result<(), DatabaseError> {
        connection.ping().map_err(DatabaseError::unavailable)
    }

    fn has_broken(&self, connection: &mut ManagedConnection) -> bool {
        std::thread::panicking() || connection.is_marked_broken || connection.is_broken()
    }
}

/// Logs why a connection could not be opened; the pool itself keeps only the message of the last error.
#[derive(Debug)]
pub(super) struct LogRefusedConnections;

impl HandleError<DatabaseError> for LogRefusedConnections {
    fn handle_error(&self, error: DatabaseError) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(cause, "{error}");
    }
}
