//! A pool of connections of one purpose, and the queue before it.
//!
//! The queue is async and fair: whoever waits holds no thread, and nobody overtakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::dsl::sql;
use diesel::r2d2::{ManageConnection, Pool};
use diesel::sql_types::BigInt;
use diesel::{Connection, RunQueryDsl};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use super::connection::DbConnection;
use super::manager::{LogRefusedConnections, Purpose, SqliteManager};
use super::outside::OutsideVersion;
use super::usage::{PoolUsage, Waiting};
use super::{DatabaseConfig, DatabaseError};

/// How long a transaction may queue for a connection.
const WAIT: Duration = Duration::from_secs(2);

pub(super) struct Lane {
    pool: Pool<SqliteManager>,
    turns: Arc<Semaphore>,
    purpose: Purpose,
    size: u32,
    /// How many wait for their turn.
    waiting: AtomicU64,
    /// How many connections were opened so far.
    connections: Arc<AtomicU64>,
}

impl Lane {
    /// Opens one connection at once, so that a database that cannot be opened is known at start and with its cause.
    pub(super) fn open(config: &DatabaseConfig, purpose: Purpose, connections: u32) -> Result<Self, DatabaseError> {
        drop(SqliteManager::new(config, purpose)?.connect()?);
        let manager = SqliteManager::new(config, purpose)?;
        let opened = manager.connections();
        let pool = Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .connection_timeout(WAIT)
            // An open file does not grow stale, and its prepared statements are worth keeping.
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusedConnections))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        let (size, waiting) = (connections, AtomicU64::new(0));
        Ok(Self { pool, turns, purpose, size, waiting, connections: opened })
    }

    /// How busy it is.
    pub(super) fn usage(&self) -> PoolUsage {
        let size = u64::from(self.size);
        let free = u64::try_from(self.turns.available_permits()).unwrap_or(size);
        let in_use = size.saturating_sub(free);
        PoolUsage { pool: self.purpose.name(), size, in_use, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    /// Runs `work` as one transaction on a blocking thread, inside the caller's span, and `after` once it has ended, well or not.
    pub(super) async fn transaction<T, E, W>(&self, work: W, after: impl FnOnce() + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        let purpose = self.purpose;
        self.on_blocking_thread(move |pool| {
            let outcome = run(pool, purpose, work);
            after();
            outcome
        })
        .await
    }

    /// What tells the changes of other processes apart, as this lane's connection sees it now. Not in a transaction, which would take
    /// the turn of a writer elsewhere.
    pub(super) async fn outside_version(&self) -> Result<OutsideVersion, DatabaseError> {
        let connections = Arc::clone(&self.connections);
        self.on_blocking_thread(move |pool| {
            let mut pooled = pool.get().map_err(DatabaseError::unavailable)?;
            let DbConnection::Sqlite(sqlite) = &mut *pooled;
            let version = sql::<BigInt>("PRAGMA data_version").get_result(sqlite)?;
            Ok(OutsideVersion { connection: connections.load(Ordering::Relaxed), version })
        })
        .await
    }

    async fn on_blocking_thread<T, E>(
        &self,
        work: impl FnOnce(&Pool<SqliteManager>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let turn = self.turn().await?;
        let (connections, pool, span) = (self.pool.clone(), self.purpose.name(), Span::current());
        let task = tokio::task::spawn_blocking(move || {
            // The turn outlives the connection: whoever is next finds it back in the pool.
            let _turn = turn;
            // The caller's, which has the request's id, and below it one for whoever traces.
            span.in_scope(|| tracing::debug_span!("database", pool).in_scope(|| work(&connections)))
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
