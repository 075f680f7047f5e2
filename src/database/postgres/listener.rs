//! The feed of changes by other replicas: notices by LISTEN, and polling in case a notice is lost.
//!
//! It uses one thread and one dedicated connection. A writer sends a notice with its commit (`pg_notify`), which is received here within
//! 20 ms. Every two seconds the rows that changed in the last 30 seconds are read as well, which finds changes without a notice. After a
//! lost connection the missed changes are unknown, so every cached entry is invalidated.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;

use super::{CHANNEL, PostgresOpener, PostgresUrl, begin, roll_back};
use crate::database::transaction_mode::TransactionMode;
use crate::database::{
    ChangeFeedHealth, ChangeQuery, ChangedRows, DatabaseConfig, DatabaseError, Invalidates, Invalidations,
};

/// The interval between reads of notices.
const TICK: Duration = Duration::from_millis(20);
/// The interval between polls for changed rows.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// How far back a poll reads: more than the polling interval plus the clock skew between replicas.
const LOOK_BACK: TimeDelta = TimeDelta::seconds(30);
/// The most changed rows that a poll invalidates one by one; more invalidate everything.
const MAX_CHANGED: i64 = 10_000;
/// The delay before a new connection attempt after a failure.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// The parameters of the listener thread.
pub(in crate::database) struct Listener<N> {
    pub(in crate::database) url: PostgresUrl,
    pub(in crate::database) config: Arc<DatabaseConfig>,
    /// Whether LISTEN works: not through a transaction pooler, which keeps no session.
    pub(in crate::database) listens: bool,
    /// The prefix of the notices that this process sends.
    pub(in crate::database) origin: Arc<str>,
    pub(in crate::database) changes: Arc<Invalidations>,
    pub(in crate::database) change_feed: Arc<ChangeFeedHealth>,
    pub(in crate::database) now: N,
    /// Reads the rows that a poll compares.
    pub(in crate::database) query: ChangeQuery,
}

/// Keeps the listener thread running until it is dropped.
#[derive(Debug)]
pub(in crate::database) struct Listening(
    #[expect(dead_code, reason = "the thread checks whether it still exists")] Arc<AtomicBool>,
);

/// The versions that the last poll read.
#[derive(Default)]
struct KnownVersions {
    changed: HashMap<String, NaiveDateTime>,
    shared: Option<Vec<(String, i64)>>,
}

impl<N: Fn() -> DateTime<Utc> + Send + 'static> Listener<N> {
    /// Starts the thread.
    pub(in crate::database) fn start(self) -> Result<Listening, DatabaseError> {
        if !self.listens {
            tracing::warn!(
                "DATABASE_DIRECT_URL is not set; changes by other replicas are noticed by polling every two seconds"
            );
        }
        let is_wanted = Arc::new(AtomicBool::new(true));
        let watched = Arc::downgrade(&is_wanted);
        let thread = thread::Builder::new().name("listener".to_owned());
        thread.spawn(move || self.run(&watched)).map_err(DatabaseError::unavailable)?;
        Ok(Listening(is_wanted))
    }

    fn run(&self, wanted: &Weak<AtomicBool>) {
        while wanted.strong_count() > 0 {
            if let Err(error) = self.listen(wanted) {
                self.log_failure(&error);
                let end = Instant::now() + RECONNECT_DELAY;
                while wanted.strong_count() > 0 && Instant::now() < end {
                    thread::sleep(TICK);
                }
            }
        }
    }

    fn log_failure(&self, error: &DatabaseError) {
        self.change_feed.fail();
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(cause, "failed to check for changes by other replicas");
    }

    /// Listens on one connection until it fails or the listener is dropped.
    fn listen(&self, wanted: &Weak<AtomicBool>) -> Result<(), DatabaseError> {
        let mut connection = PostgresOpener::new(&self.url, &self.config).open()?;
        if self.listens {
            connection.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        }
        // From here on every notice arrives; earlier changes may have been missed.
        self.changes.note(Invalidates::Everything);
        let (mut known, mut due) = (KnownVersions::default(), Instant::now());
        while wanted.strong_count() > 0 {
            for notice in connection.notifications_iter() {
                self.receive(&notice?.payload);
            }
            if due <= Instant::now() {
                if let Err(error) = self.poll(&mut connection, &mut known) {
                    // A slow or busy server keeps its connection; the rollback fails if the server is gone.
                    roll_back(&mut connection)?;
                    self.log_failure(&error);
                }
                due = Instant::now() + POLL_EVERY;
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn receive(&self, payload: &str) {
        match payload.split_once(' ') {
            Some((origin, _)) if origin == &*self.origin => {}
            Some((_, keys)) => self.changes.note(Invalidates::of_notice(keys)),
            None => self.changes.note(Invalidates::Everything),
        }
    }

    /// Reads recently changed rows, and invalidates what no notice has announced.
    fn poll(&self, connection: &mut PgConnection, known: &mut KnownVersions) -> Result<(), DatabaseError> {
        let now = (self.now)();
        begin(connection, TransactionMode::Read, &self.config)?;
        let found = (self.query)(connection, (now - LOOK_BACK).naive_utc(), MAX_CHANGED + 1);
        let ended = AnsiTransactionManager::rollback_transaction(connection);
        let ChangedRows { changed, shared } = found?;
        ended?;
        // The first poll has nothing to compare with, so it invalidates everything.
        if changed.len() as i64 > MAX_CHANGED || known.shared.as_ref().is_none_or(|before| *before != shared) {
            self.changes.note(Invalidates::Everything);
        } else {
            let is_new = |(id, changed_at): &(&String, &NaiveDateTime)| known.changed.get(*id) != Some(*changed_at);
            let mut news = changed.iter().filter(is_new).peekable();
            if news.peek().is_some() {
                self.changes.note_rows();
            }
            news.for_each(|(id, _)| self.changes.note(Invalidates::one(id)));
        }
        *known = KnownVersions { changed, shared: Some(shared) };
        self.change_feed.succeed(now);
        Ok(())
    }
}
