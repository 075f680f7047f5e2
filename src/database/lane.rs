//! A pool of connections of one purpose, and the queue before it.
//!
//! The queue is async and fair: whoever waits holds no thread, and nobody overtakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::r2d2::{ManageConnection, Pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use super::connection::DbConnection;
use super::manager::{LogRefusedConnections, Purpose, SqliteManager};
use super::{DatabaseConfig, DatabaseError};

/// How long a transaction may queue for a connection.
const WAIT: Duration = Duration::from_secs(2);

pub(super) struct Lane {
    pool: Pool<SqliteManager>,
    turns: Arc<Semaphore>,
    connections: u32,
    waiting: AtomicU64,
    purpose: Purpose,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// What it is for.
    pub pool: &'static str,
    /// How many transactions it can run at once.
    pub connections: u64,
    /// How many it runs now.
    pub in_use: u64,
    /// How many wait for their turn.
    pub waiting: u64,
}

/// Counts one who waits, also where the wait is given up half-way.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn one(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    /// Opens one connection at once, so that a database that cannot be opened is known at start and with its cause.
    pub(super) fn open(config: &DatabaseConfig, purpose: Purpose, connections: u32) -> Result<Self, DatabaseError> {
        drop(SqliteManager::new(config, purpose)?.connect()?);
        let pool = Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .connection_timeout(WAIT)
            // An open file does not grow stale, and its prepared statements are worth keeping.
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusedConnections))
            .build_unchecked(SqliteManager::new(config, purpose)?);
        let turns = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        Ok(Self { pool, turns, connections, waiting: AtomicU64::new(0), purpose })
    }

    /// How busy it is.
    pub(super) fn usage(&self) -> PoolUsage {
        let connections = u64::from(self.connections);
        let free = u64::try_from(self.turns.available_permits()).unwrap_or(connections);
        let pool = match self.purpose {
            Purpose::Read => "read",
            Purpose::Write => "write",
        };
        let in_use = connections.saturating_sub(free);
        PoolUsage { pool, connections, in_use, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    /// Runs `work` as one transaction on a blocking thread, inside the caller's span.
    pub(super) async fn transaction<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        let turn = self.turn().await?;
        let (pool, purpose, span) = (self.pool.clone(), self.purpose, Span::current());
        let task = tokio::task::spawn_blocking(move || {
            // The turn outlives the connection: whoever is next finds it back in the pool.
            let _turn = turn;
            span.in_scope(|| run(&pool, purpose, work))
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(DatabaseError::unavailable(cancelled).into()),
            },
        }
    }

    /// The same on this very thread, for what runs before there is anything async to hold up.
    pub(super) fn transaction_here<T>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        run(&self.pool, self.purpose, work)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::one(&self.waiting);
        tokio::time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(DatabaseError::unavailable)?
            .map_err(DatabaseError::unavailable)
    }
}

fn run<T, E: From<DatabaseError>>(
    pool: &Pool<SqliteManager>,
    purpose: Purpose,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut pooled = pool.get().map_err(DatabaseError::unavailable)?;
    let conn: &mut DbConnection = &mut pooled;
    begin(conn, purpose).map_err(DatabaseError::from)?;
    let outcome = work(conn);
    let ended = match outcome {
        Ok(_) => <DbConnection as Connection>::TransactionManager::commit_transaction(conn),
        Err(_) => <DbConnection as Connection>::TransactionManager::rollback_transaction(conn),
    };
    match (outcome, ended) {
        (Ok(_), Err(not_committed)) => Err(DatabaseError::from(not_committed).into()),
        (Err(failure), Err(not_rolled_back)) => {
            // The pool drops a connection whose transaction is in doubt, and SQLite rolls back with it.
            tracing::warn!(%not_rolled_back, "a transaction could not be rolled back");
            Err(failure)
        }
        (outcome, Ok(())) => outcome,
    }
}

fn begin(conn: &mut DbConnection, purpose: Purpose) -> diesel::QueryResult<()> {
    let DbConnection::Sqlite(sqlite) = conn;
    let statement = match purpose {
        Purpose::Read => "BEGIN DEFERRED",
        // A deferred transaction that comes to write after another has written fails at once, without waiting.
        Purpose::Write => "BEGIN IMMEDIATE",
    };
    AnsiTransactionManager::begin_transaction_sql(sqlite, statement)
}
