//! A pool of connections, and the queue before it.
//!
//! The queue is async and fair: whoever waits holds no thread, and nobody overtakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::Connection;
use diesel::connection::TransactionManager;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use super::connection::DbConnection;
use super::manager::{Link, LogRefusedConnections, Manager, Purpose, begin};
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};

/// How long a connection to a server is used before a new one takes its place, and how long it may lie unused.
const SERVER_LIFETIME: Duration = Duration::from_secs(30 * 60);
const SERVER_IDLE: Duration = Duration::from_secs(10 * 60);

/// A way to transactions of one purpose. Clones share their connections.
#[derive(Clone)]
pub(super) struct Lane {
    pool: Pool<Manager>,
    turns: Arc<Semaphore>,
    purpose: Purpose,
    config: Arc<DatabaseConfig>,
}

impl Lane {
    /// Opens one connection at once, so that a database that cannot be opened is known at start and with its cause.
    pub(super) fn open(
        config: &Arc<DatabaseConfig>,
        purpose: Purpose,
        connections: u32,
    ) -> Result<Self, DatabaseError> {
        let manager = Manager::new(&config.url, config, purpose)?;
        greet(&mut manager.connect()?)?;
        let is_file = matches!(config.url, DatabaseUrl::Sqlite(_));
        let pool = Pool::builder()
            .max_size(connections)
            .min_idle(Some(1))
            .connection_timeout(config.pool_wait)
            // An open file does not grow stale, and its prepared statements are worth keeping.
            .max_lifetime((!is_file).then_some(SERVER_LIFETIME))
            .idle_timeout((!is_file).then_some(SERVER_IDLE))
            // Beginning a transaction tells as much, and takes no round trip of its own.
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusedConnections))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        Ok(Self { pool, turns, purpose, config: Arc::clone(config) })
    }

    /// The same connections for another purpose.
    #[cfg(feature = "postgres")]
    pub(super) fn with_purpose(&self, purpose: Purpose) -> Self {
        Self { purpose, ..self.clone() }
    }

    /// Runs `work` as one transaction on a blocking thread, inside the caller's span.
    pub(super) async fn transaction<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    {
        let end = Instant::now() + self.config.pool_wait;
        let turn = self.turn().await?;
        let (lane, span) = (self.clone(), Span::current());
        let task = tokio::task::spawn_blocking(move || {
            // The turn outlives the connection: whoever is next finds it back in the pool.
            let _turn = turn;
            span.in_scope(|| finish(lane.begin(end)?, work))
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
        finish(self.begin(Instant::now() + self.config.pool_wait)?, work)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        tokio::time::timeout(self.config.pool_wait, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(DatabaseError::unavailable)?
            .map_err(DatabaseError::unavailable)
    }

    /// A connection in a transaction. One that was lost while it lay in the pool shows so only now, when nothing is lost but the attempt:
    /// then the next one is tried, until every one that may be in the pool has had its turn.
    fn begin(&self, end: Instant) -> Result<PooledConnection<Manager>, DatabaseError> {
        let mut tries = self.pool.max_size();
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            let mut link = self.pool.get_timeout(wait).map_err(DatabaseError::unavailable)?;
            match begin(&mut link, self.purpose, &self.config).map_err(DatabaseError::from) {
                Ok(()) => return Ok(link),
                Err(DatabaseError::ConnectionLost(cause)) if tries > 0 => {
                    tracing::debug!(%cause, "a connection was lost while nobody used it");
                    tries -= 1;
                    link.condemn();
                }
                Err(failure) => {
                    link.condemn();
                    return Err(failure);
                }
            }
        }
    }
}

/// Runs `work` in one transaction on a connection of its own, which goes with it.
#[cfg(feature = "postgres")]
pub(super) fn apart<T>(
    url: &DatabaseUrl,
    config: &DatabaseConfig,
    purpose: Purpose,
    work: impl FnOnce(&mut DbConnection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let mut link = Manager::new(url, config, purpose)?.connect()?;
    begin(&mut link, purpose, config)?;
    finish(&mut link, work)
}

/// Runs `work` in the transaction that was begun, and ends it.
fn finish<T, E: From<DatabaseError>>(
    mut link: impl std::ops::DerefMut<Target = Link>,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    let conn: &mut DbConnection = &mut link;
    let outcome = work(conn);
    let ended = match outcome {
        Ok(_) => <DbConnection as Connection>::TransactionManager::commit_transaction(conn),
        Err(_) => <DbConnection as Connection>::TransactionManager::rollback_transaction(conn),
    };
    if ended.is_err() {
        link.condemn();
    }
    match (outcome, ended) {
        (Ok(_), Err(not_committed)) => Err(DatabaseError::from(not_committed).into()),
        (Err(failure), Err(not_rolled_back)) => {
            // The pool drops the connection, and the database rolls back with it.
            tracing::warn!(%not_rolled_back, "a transaction could not be rolled back");
            Err(failure)
        }
        (outcome, Ok(())) => outcome,
    }
}

/// What is to be known of a database before it is used.
#[cfg(feature = "postgres")]
fn greet(link: &mut Link) -> Result<(), DatabaseError> {
    match &mut **link {
        DbConnection::Sqlite(_) => Ok(()),
        DbConnection::Postgres(postgres) => Ok(super::postgres::warn_of_other_languages(postgres)?),
    }
}

#[cfg(not(feature = "postgres"))]
fn greet(_: &mut Link) -> Result<(), DatabaseError> {
    Ok(())
}
