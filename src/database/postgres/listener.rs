//! What other replicas change: heard by LISTEN, and looked for in case a notice is lost.
//!
//! One thread and one connection of its own. Whoever changes something sends a notice with the commit (`pg_notify`); here it is taken
//! within 20 ms. Every two seconds the rows that changed in the last 30 are read as well: what a notice did not tell is known then at the
//! latest. After a connection was lost nobody knows what was missed, so everything remembered is dropped.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;

use super::{PostgresOpener, PostgresUrl, begin, roll_back};
use crate::database::manager::Purpose;
use crate::database::{ChangeFeedHealth, DatabaseConfig, DatabaseError, Invalidates, Invalidations};
use crate::schema::{principals, roles};

/// What the replicas' notices are called.
pub(super) const CHANNEL: &str = "portcullis";

/// How often notices are taken.
const TICK: Duration = Duration::from_millis(20);
/// How often changes are looked for.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// How far back: longer than it takes to look again, and than two clocks differ.
const LOOK_BACK: TimeDelta = TimeDelta::seconds(30);
/// How many changed principals are told apart.
const MOST: i64 = 10_000;
/// How long after a failure a new connection is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// What the listener works on.
pub(in crate::database) struct Listener<N> {
    pub(in crate::database) url: PostgresUrl,
    pub(in crate::database) config: Arc<DatabaseConfig>,
    /// Whether there is a session to listen in: not behind a pooler.
    pub(in crate::database) listens: bool,
    /// What the notices sent from here begin with.
    pub(in crate::database) origin: Arc<str>,
    pub(in crate::database) changes: Arc<Invalidations>,
    pub(in crate::database) change_feed: Arc<ChangeFeedHealth>,
    pub(in crate::database) now: N,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(in crate::database) struct Listening(
    #[expect(dead_code, reason = "the thread looks whether it is still there")] Arc<AtomicBool>,
);

/// What was seen at the last look.
#[derive(Default)]
struct KnownVersions {
    principals: HashMap<String, NaiveDateTime>,
    roles: Option<Vec<(String, i64)>>,
}

impl<N: Fn() -> DateTime<Utc> + Send + 'static> Listener<N> {
    /// Starts the thread.
    pub(in crate::database) fn start(self) -> Result<Listening, DatabaseError> {
        if !self.listens {
            tracing::warn!(
                "without DATABASE_DIRECT_URL there is nobody to listen to: what other replicas change is known after two seconds"
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
                self.complain(&error);
                let end = Instant::now() + PAUSE;
                while wanted.strong_count() > 0 && Instant::now() < end {
                    thread::sleep(TICK);
                }
            }
        }
    }

    fn complain(&self, error: &DatabaseError) {
        self.change_feed.fail();
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(cause, "what other replicas change is not known at the moment");
    }

    /// One connection's life.
    fn listen(&self, wanted: &Weak<AtomicBool>) -> Result<(), DatabaseError> {
        let mut connection = PostgresOpener::new(&self.url, &self.config).open()?;
        if self.listens {
            connection.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        }
        // From here on every notice arrives; what came before is anybody's guess.
        self.changes.note(Invalidates::Everything);
        let (mut seen, mut due) = (KnownVersions::default(), Instant::now());
        while wanted.strong_count() > 0 {
            for notice in connection.notifications_iter() {
                self.hear(&notice?.payload);
            }
            if due <= Instant::now() {
                if let Err(error) = self.look(&mut connection, &mut seen) {
                    // A server that is slow or busy is still heard; one that is gone is not.
                    roll_back(&mut connection)?;
                    self.complain(&error);
                }
                due = Instant::now() + POLL_EVERY;
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn hear(&self, payload: &str) {
        match payload.split_once(' ') {
            Some((origin, _)) if origin == &*self.origin => {}
            Some((_, told)) => self.changes.note(Invalidates::of_notice(told)),
            None => self.changes.note(Invalidates::Everything),
        }
    }

    /// Looks for what no notice told.
    fn look(&self, connection: &mut PgConnection, seen: &mut KnownVersions) -> Result<(), DatabaseError> {
        let now = (self.now)();
        begin(connection, Purpose::Read, &self.config)?;
        let found = find(connection, (now - LOOK_BACK).naive_utc());
        let ended = AnsiTransactionManager::rollback_transaction(connection);
        let (principals, roles) = found?;
        ended?;
        // The first look is what later ones compare with: what was remembered before it was compared with nothing.
        if principals.len() as i64 > MOST || seen.roles.as_ref().is_none_or(|known| *known != roles) {
            self.changes.note(Invalidates::Everything);
        } else {
            let is_news = |(id, changed_at): &(&String, &NaiveDateTime)| seen.principals.get(*id) != Some(*changed_at);
            let mut news = principals.iter().filter(is_news).peekable();
            if news.peek().is_some() {
                self.changes.note_rows();
            }
            news.for_each(|(id, _)| self.changes.note(Invalidates::one(id)));
        }
        *seen = KnownVersions { principals, roles: Some(roles) };
        self.change_feed.succeed(now);
        Ok(())
    }
}

type Found = (HashMap<String, NaiveDateTime>, Vec<(String, i64)>);

/// Who changed since `since`, and all roles with their versions: of those that are gone no row tells.
fn find(connection: &mut PgConnection, since: NaiveDateTime) -> QueryResult<Found> {
    let changed = principals::table.filter(principals::changed_at.ge(since)).limit(MOST + 1);
    let changed: Vec<(String, NaiveDateTime)> =
        changed.select((principals::id, principals::changed_at)).load(connection)?;
    let roles = roles::table.order(roles::name).select((roles::name, roles::version)).load(connection)?;
    Ok((changed.into_iter().collect(), roles))
}
