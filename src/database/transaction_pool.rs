//! A pool of connections, and the queue before it.
//!
//! The queue is async and fair: whoever waits holds no thread, and nobody overtakes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;
use futures_util::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};

use super::connection::DbConnection;
use super::group_commit::{self, Queue};
use super::manager::{LogRefusedConnections, ManagedConnection, Manager, Purpose};
use super::outside::ExternalVersion;
use super::usage::{PoolUsage, Waiting};
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};
use crate::scope::Surroundings;

/// How long a connection to a server is used before a new one takes its place, and how long it may lie unused.
const SERVER_LIFETIME: Duration = Duration::from_secs(30 * 60);
const SERVER_IDLE: Duration = Duration::from_secs(10 * 60);

/// Whether somebody waits for a transaction who wants to be told when it takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deadline {
    Caller,
    None,
}

/// A way to transactions. Clones share their connections.
#[derive(Clone)]
pub(super) struct TransactionPool {
    pool: Pool<Manager>,
    turns: Arc<Semaphore>,
    /// Who waits to write together with others.
    queue: Queue,
    config: Arc<DatabaseConfig>,
    /// How many connections to a file were opened so far.
    opened: Arc<AtomicU64>,
    /// What it is called, for whoever watches.
    name: &'static str,
    /// How many wait for their turn.
    waiting: Arc<AtomicU64>,
    /// How many transactions were begun.
    begun: Arc<AtomicU64>,
}

impl TransactionPool {
    /// Opens one connection at once, so that a database that cannot be opened is known at start and with its cause.
    ///
    /// To SQLite each connection is good for the purpose named and those that do less; to PostgreSQL for all.
    pub(super) fn open(
        config: &Arc<DatabaseConfig>,
        purpose: Purpose,
        connections: u32,
        name: &'static str,
    ) -> Result<Self, DatabaseError> {
        greet(&mut Manager::new(&config.url, config, purpose)?.connect()?)?;
        let manager = Manager::new(&config.url, config, purpose)?;
        let opened = match &manager {
            Manager::Sqlite(opener) => opener.opened(),
            #[cfg(feature = "postgres")]
            Manager::Postgres(_) => Arc::default(),
        };
        let is_server = config.url.is_server();
        let pool = Pool::builder()
            .max_size(connections)
            // Opened when they are wanted, while somebody waits: one that a thread of the pool still opened as a short command ended would
            // go down with the libraries under it.
            .min_idle(Some(0))
            .connection_timeout(config.pool_wait)
            // An open file does not grow stale, and its prepared statements are worth keeping.
            .max_lifetime(is_server.then_some(SERVER_LIFETIME))
            .idle_timeout(is_server.then_some(SERVER_IDLE))
            // Beginning a transaction tells as much, and takes no round trip of its own.
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusedConnections))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        let (queue, waiting, begun) = (Queue::default(), Arc::default(), Arc::default());
        Ok(Self { pool, turns, queue, config: Arc::clone(config), opened, name, waiting, begun })
    }

    /// How busy it is.
    pub(super) fn usage(&self) -> PoolUsage {
        let size = u64::from(self.pool.max_size());
        let free = u64::try_from(self.turns.available_permits()).unwrap_or(size);
        let in_use = size.saturating_sub(free);
        let (waiting, transactions) = (self.waiting.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed));
        PoolUsage { pool: self.name, size, in_use, waiting, transactions }
    }

    /// Runs `work` as one transaction on a blocking thread, inside the caller's span, sends what `notice` says with it if it is kept, and
    /// runs `after` once it has ended, well or not.
    ///
    /// In a `hurry` the caller waits no longer than for a connection, a lock and a statement each as long as they may take, and is told
    /// then that the database is out of reach. A server that has fallen silent holds the thread until it speaks or the connection is
    /// given up; what became of the transaction is not known before.
    pub(super) async fn transaction<T, E, W>(
        &self,
        purpose: Purpose,
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
                pool.begin(purpose, end).map_err(E::from).and_then(|connection| finish(connection, work, notice));
            after();
            outcome
        })
        .await
    }

    /// As [`transaction`](Self::transaction), in one with those who wait beside it. For a file, where there is one writer.
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
        let (place, mut reply) = self.queue.join(work, after);
        let ended = loop {
            match select(&mut reply, pin!(self.turn())).await {
                Either::Left((ended, _)) => break ended,
                Either::Right((Ok(turn), _)) => self.commit_group(turn),
                Either::Right((Err(too_late), _)) if place.leave() => return Err(too_late.into()),
                // It has begun, and a file answers, or fails, by itself.
                Either::Right((Err(_), _)) => break reply.await,
            }
        };
        match ended {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(DatabaseError::unavailable(cancelled).into()),
        }
    }

    /// Uses the turn for who waits.
    fn commit_group(&self, turn: OwnedSemaphorePermit) {
        let (pool, end) = (self.clone(), Instant::now() + self.config.pool_wait);
        tokio::task::spawn_blocking(move || {
            // As in `on_blocking_thread`.
            let _turn = turn;
            let works = pool.queue.next();
            if !works.is_empty() {
                group_commit::go(pool.begin(Purpose::Concurrent, end), works);
            }
        });
    }

    /// What tells the changes of other processes apart, as this lane's connection sees it now. Not in a transaction, which would take
    /// the turn of a writer elsewhere. `None` where the database does not tell.
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

    /// Runs `work` once it is its turn; it is told until when a connection may be waited for.
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
        let turn = self.turn().await?;
        let (pool, surroundings) = (self.clone(), Surroundings::current());
        let task = tokio::task::spawn_blocking(move || {
            // The turn outlives the connection: whoever is next finds it back in the pool.
            let _turn = turn;
            // The caller's, which have the request's id, and below them a span for whoever traces.
            surroundings.enter(|| tracing::debug_span!("database", pool = pool.name).in_scope(|| work(&pool, end)))
        });
        match self.ended(deadline, task).await? {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(DatabaseError::unavailable(cancelled).into()),
            },
        }
    }

    /// What `task` came to, unless it takes longer than a server may. A file answers, or fails, by itself.
    async fn ended<T>(&self, deadline: Deadline, task: JoinHandle<T>) -> Result<Result<T, JoinError>, DatabaseError> {
        if deadline == Deadline::None || !self.config.url.is_server() {
            return Ok(task.await);
        }
        let DatabaseConfig { pool_wait, lock_timeout, statement_timeout, .. } = *self.config;
        tokio::time::timeout(pool_wait + lock_timeout + statement_timeout, task).await.map_err(|late| {
            tracing::warn!("the database has fallen silent in the middle of a transaction");
            DatabaseError::unavailable(late)
        })
    }

    /// A transaction on this very thread, for what runs before there is anything async to hold up.
    pub(super) fn transaction_here<T>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        finish(self.begin(purpose, Instant::now() + self.config.pool_wait)?, work, || None)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::one(&self.waiting);
        tokio::time::timeout(self.config.pool_wait, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(DatabaseError::unavailable)?
            .map_err(DatabaseError::unavailable)
    }

    /// A connection in a transaction. One that was lost while it lay in the pool shows so only now, when nothing is lost but the attempt:
    /// then the next one is tried, until every one that may be in the pool has had its turn.
    fn begin(&self, purpose: Purpose, end: Instant) -> Result<PooledConnection<Manager>, DatabaseError> {
        let mut tries = self.pool.max_size();
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            let mut connection = self.pool.get_timeout(wait).map_err(DatabaseError::unavailable)?;
            match connection.begin(purpose, &self.config) {
                Ok(()) => {
                    self.begun.fetch_add(1, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(cause) if is_lost(&cause) && tries > 0 => {
                    tracing::debug!(%cause, "a connection was lost while nobody used it");
                    tries -= 1;
                    connection.mark_broken();
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}

/// Whether the connection is gone, and not only the statement refused.
fn is_lost(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::BrokenTransactionManager
            | DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _
            )
    )
}

/// Runs `work` in one transaction on a connection of its own, which goes with it.
pub(super) fn apart<T>(
    url: &DatabaseUrl,
    config: &DatabaseConfig,
    purpose: Purpose,
    work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let mut connection = Manager::new(url, config, purpose)?.connect()?;
    connection.begin(purpose, config)?;
    finish(&mut connection, work, || None)
}

/// Runs `work` in the transaction that was begun, and ends it.
fn finish<T, E: From<DatabaseError>>(
    mut connection: impl std::ops::DerefMut<Target = ManagedConnection>,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
    notice: impl FnOnce() -> Option<String>,
) -> Result<T, E> {
    match work(&mut connection) {
        Ok(value) => match connection.commit(notice().as_deref()) {
            Ok(()) => Ok(value),
            Err(not_committed) => Err(DatabaseError::from(not_committed).into()),
        },
        Err(failure) => {
            if let Err(not_rolled_back) = connection.roll_back() {
                // The pool drops the connection, and the database rolls back with it.
                connection.mark_broken();
                tracing::warn!(%not_rolled_back, "a transaction could not be rolled back");
            }
            Err(failure)
        }
    }
}

/// What is to be known of a database before it is used.
fn greet(connection: &mut ManagedConnection) -> Result<(), DatabaseError> {
    match &mut **connection {
        DbConnection::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(postgres) => Ok(super::postgres::warn_of_other_languages(postgres)?),
    }
}
