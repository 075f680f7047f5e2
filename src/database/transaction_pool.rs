//! A connection pool with an async queue in front of it.
//!
//! The queue is first in, first out, and a waiting caller holds no thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection};
use diesel::sql_types::BigInt;
use futures_util::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tracing::Span;

use super::connection::DbConnection;
use super::group_commit::{self, Queue};
use super::manager::{LogRefusedConnections, Manager};
use super::outside::ExternalVersion;
use super::transaction::{check_server, finish, is_lost};
use super::transaction_mode::TransactionMode;
use super::usage::{PoolUsage, Waiting};
use super::{DatabaseConfig, DatabaseError};

/// The maximum lifetime and idle time of a connection to a server.
const SERVER_LIFETIME: Duration = Duration::from_secs(30 * 60);
const SERVER_IDLE: Duration = Duration::from_secs(10 * 60);

/// Whether a transaction has an overall deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deadline {
    /// A caller waits: it gets an error when the transaction takes too long.
    Caller,
    None,
}

/// Runs transactions on pooled connections. Clones share their connections.
#[derive(Clone)]
pub(super) struct TransactionPool {
    pool: Pool<Manager>,
    permits: Arc<Semaphore>,
    /// The writes that wait for a group commit.
    queue: Queue,
    config: Arc<DatabaseConfig>,
    /// The number of connections to a SQLite file opened so far.
    opened: Arc<AtomicU64>,
    /// The name of the pool in metrics and traces.
    name: &'static str,
    /// The number of transactions that wait for a permit.
    waiting: Arc<AtomicU64>,
    /// The number of transactions begun so far.
    begun: Arc<AtomicU64>,
}

impl TransactionPool {
    /// Opens one connection at once, so that a database that cannot be opened fails the start with its cause.
    ///
    /// A SQLite connection serves `mode` and less privileged ones; a PostgreSQL connection serves every mode.
    pub(super) fn open(
        config: &Arc<DatabaseConfig>,
        mode: TransactionMode,
        connections: u32,
        name: &'static str,
    ) -> Result<Self, DatabaseError> {
        check_server(&mut Manager::new(&config.url, config, mode)?.connect()?)?;
        let manager = Manager::new(&config.url, config, mode)?;
        let opened = match &manager {
            Manager::Sqlite(opener) => opener.opened(),
            #[cfg(feature = "postgres")]
            Manager::Postgres(_) => Arc::default(),
        };
        let is_server = config.url.is_server();
        let pool = Pool::builder()
            .max_size(connections)
            // Connections are opened on demand. A background thread that still opens one while a short command exits would crash, because
            // the libraries that it uses are being torn down.
            .min_idle(Some(0))
            .connection_timeout(config.pool_wait)
            // A connection to a file does not go stale, and keeping it keeps its prepared statements.
            .max_lifetime(is_server.then_some(SERVER_LIFETIME))
            .idle_timeout(is_server.then_some(SERVER_IDLE))
            // BEGIN detects a lost connection without an extra round trip.
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusedConnections))
            .build_unchecked(manager);
        let permits = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        Ok(Self {
            pool,
            permits,
            queue: Queue::default(),
            config: Arc::clone(config),
            opened,
            name,
            waiting: Arc::default(),
            begun: Arc::default(),
        })
    }

    /// The usage of the pool.
    pub(super) fn usage(&self) -> PoolUsage {
        let size = u64::from(self.pool.max_size());
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(size);
        let in_use = size.saturating_sub(free);
        PoolUsage {
            pool: self.name,
            size,
            in_use,
            waiting: self.waiting.load(Ordering::Relaxed),
            transactions: self.begun.load(Ordering::Relaxed),
        }
    }

    /// Runs `work` as one transaction on a blocking thread, inside the caller's span. Sends the payload of `notice` with the commit, and
    /// runs `after` once the transaction has ended, committed or not.
    ///
    /// With [`Deadline::Caller`] the caller waits no longer than the limits for a connection, a lock and a statement together, and then
    /// gets [`DatabaseError::Unavailable`]. A silent server holds the thread until it answers or the connection times out; until then the
    /// outcome of the transaction is unknown.
    pub(super) async fn transaction<T, E, W>(
        &self,
        mode: TransactionMode,
        deadline: Deadline,
        work: W,
        notice: impl FnOnce() -> Option<String> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        self.on_blocking_thread(deadline, move |pool, end| {
            let outcome =
                pool.begin(mode, end).map_err(E::from).and_then(|connection| finish(connection, work, notice));
            after();
            outcome
        })
        .await
    }

    /// As [`transaction`](Self::transaction), in a group commit with the other waiting writes. For SQLite, which has one writer.
    pub(super) async fn shared_transaction<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let name = self.name;
        let work = move |conn: &mut DbConnection| tracing::debug_span!("database", pool = name).in_scope(|| work(conn));
        let (ticket, mut reply) = self.queue.join(work, after);
        let ended = loop {
            match select(&mut reply, pin!(self.acquire_permit())).await {
                Either::Left((ended, _)) => break ended,
                Either::Right((Ok(permit), _)) => self.commit_group(permit),
                Either::Right((Err(too_late), _)) if ticket.cancel() => return Err(too_late.into()),
                // The work has started. SQLite always answers or fails in bounded time, so no timeout is needed.
                Either::Right((Err(_), _)) => break reply.await,
            }
        };
        match ended {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(DatabaseError::unavailable(cancelled).into()),
        }
    }

    /// Uses the permit to commit the next group of queued writes.
    fn commit_group(&self, permit: OwnedSemaphorePermit) {
        let (pool, end) = (self.clone(), Instant::now() + self.config.pool_wait);
        tokio::task::spawn_blocking(move || {
            // As in `on_blocking_thread`.
            let _permit = permit;
            let works = pool.queue.next_group();
            if !works.is_empty() {
                group_commit::run_group(pool.begin(TransactionMode::Concurrent, end), works);
            }
        });
    }

    /// Returns the version of the database that changes when another process writes, or `None` on a server, which has none. Read outside a
    /// transaction, which would block the writer of another process.
    pub(super) async fn external_version(&self) -> Result<Option<ExternalVersion>, DatabaseError> {
        if self.config.url.is_server() {
            return Ok(None);
        }
        self.on_blocking_thread(Deadline::None, move |pool, _| {
            let mut connection = pool.pool.get().map_err(DatabaseError::unavailable)?;
            let conn: &mut DbConnection = &mut connection;
            let version = sql::<BigInt>("PRAGMA data_version").get_result(conn)?;
            Ok(Some(ExternalVersion { connection: pool.opened.load(Ordering::Relaxed), version }))
        })
        .await
    }

    /// Runs `work` on a blocking thread once a permit is free. `work` gets the time until which it may wait for a connection.
    async fn on_blocking_thread<T, E>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&Self, Instant) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let end = Instant::now() + self.config.pool_wait;
        let permit = self.acquire_permit().await?;
        let (pool, span) = (self.clone(), Span::current());
        let task = tokio::task::spawn_blocking(move || {
            // The permit outlives the connection, so the next holder finds the connection back in the pool.
            let _permit = permit;
            // The caller's span, which has the request id, with a child span for traces.
            span.in_scope(|| tracing::debug_span!("database", pool = pool.name).in_scope(|| work(&pool, end)))
        });
        match self.join(deadline, task).await? {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(DatabaseError::unavailable(cancelled).into()),
            },
        }
    }

    /// Waits for `task`, with a timeout if the database is on a server. SQLite always answers or fails in bounded time.
    async fn join<T>(&self, deadline: Deadline, task: JoinHandle<T>) -> Result<Result<T, JoinError>, DatabaseError> {
        if deadline == Deadline::None || !self.config.url.is_server() {
            return Ok(task.await);
        }
        let DatabaseConfig { pool_wait, lock_timeout, statement_timeout, .. } = *self.config;
        tokio::time::timeout(pool_wait + lock_timeout + statement_timeout, task).await.map_err(|late| {
            tracing::warn!("database transaction timed out");
            DatabaseError::unavailable(late)
        })
    }

    /// Runs `work` as one transaction on the current thread, for use outside the async runtime.
    pub(super) fn transaction_here<T>(
        &self,
        mode: TransactionMode,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        finish(self.begin(mode, Instant::now() + self.config.pool_wait)?, work, || None)
    }

    async fn acquire_permit(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::one(&self.waiting);
        tokio::time::timeout(self.config.pool_wait, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(DatabaseError::unavailable)?
            .map_err(DatabaseError::unavailable)
    }

    /// Returns a connection with an open transaction. A pooled connection that was lost while idle fails only here, before any work was
    /// done, so the next one is tried, at most as often as the pool has connections.
    fn begin(&self, mode: TransactionMode, end: Instant) -> Result<PooledConnection<Manager>, DatabaseError> {
        let mut tries = self.pool.max_size();
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            let mut connection = self.pool.get_timeout(wait).map_err(DatabaseError::unavailable)?;
            match connection.begin(mode, &self.config) {
                Ok(()) => {
                    self.begun.fetch_add(1, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(cause) if is_lost(&cause) && tries > 0 => {
                    tracing::debug!(%cause, "an idle connection was lost");
                    tries -= 1;
                    connection.mark_broken();
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}
