//! Makes connections for the pools, to whichever database the address names.
//!
//! Diesel's own `establish` for a multi-connection swallows the cause, and its pool manager would try any backend. This one
//! keeps the cause and leaves the address out of it.

use std::ops::{Deref, DerefMut};

use diesel::connection::TransactionManager;
use diesel::r2d2::{HandleError, ManageConnection, R2D2Connection};
use diesel::{Connection, QueryResult};

use super::config::DatabaseLocation;
use super::connection::DbConnection;
#[cfg(feature = "postgres")]
use super::postgres::{self, PostgresOpener};
use super::sqlite::{self, SqliteOpener};
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Queries only: the database refuses every change.
    Read,
    /// Invalidations, one transaction at a time in the whole fleet.
    Exclusive,
    /// Invalidations of what the transaction has locked or makes, beside those of others where the database can.
    Concurrent,
    /// Invalidations of the schema, one process at a time.
    Migrate,
}

/// A connection, and whether it is still good for a transaction.
pub(super) struct ManagedConnection {
    connection: DbConnection,
    is_condemned: bool,
}

impl ManagedConnection {
    /// Has the pool drop the connection instead of lending it again: something happened after which its state is not known.
    pub(super) fn mark_broken(&mut self) {
        self.is_condemned = true;
    }

    /// Begins a transaction. One that could not be begun leaves nothing open, or condemns the connection.
    pub(super) fn begin(&mut self, purpose: Purpose, config: &DatabaseConfig) -> QueryResult<()> {
        #[cfg(not(feature = "postgres"))]
        let _ = config;
        match &mut self.connection {
            DbConnection::Sqlite(sqlite) => sqlite::begin(sqlite, purpose),
            #[cfg(feature = "postgres")]
            DbConnection::Postgres(postgres) => postgres::begin(postgres, purpose, config).inspect_err(|_| {
                // Where only a part of it failed, as the wait for a lock, the connection is good.
                self.is_condemned = postgres::roll_back(postgres).is_err();
            }),
        }
    }

    /// Commits the transaction, and sends `notice` with it where other replicas can hear it. Fails where it was not kept, or where nobody
    /// knows.
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

    /// Undoes the transaction.
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

/// Makes connections to one database.
pub(super) enum Manager {
    Sqlite(SqliteOpener),
    #[cfg(feature = "postgres")]
    Postgres(PostgresOpener),
}

impl Manager {
    /// Connections to the database at `url`. To SQLite they are of one purpose, to PostgreSQL each is good for all.
    pub(super) fn new(url: &DatabaseUrl, config: &DatabaseConfig, purpose: Purpose) -> Result<Self, DatabaseError> {
        match &url.0 {
            DatabaseLocation::Sqlite(file) => Ok(Self::Sqlite(SqliteOpener::new(file, config, purpose)?)),
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
        Ok(ManagedConnection { connection, is_condemned: false })
    }

    fn is_valid(&self, connection: &mut ManagedConnection) -> Result<(), DatabaseError> {
        connection.ping().map_err(DatabaseError::unavailable)
    }

    fn has_broken(&self, connection: &mut ManagedConnection) -> bool {
        std::thread::panicking() || connection.is_condemned || connection.is_broken()
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
