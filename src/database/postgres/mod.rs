//! Opens connections to PostgreSQL, and begins and ends their transactions.
//!
//! Nothing is set for a session: every limit goes with its transaction, so that a pooler which lends another server connection to the next
//! transaction (PgBouncer in transaction mode) changes nothing.

mod listener;
mod url;

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

pub(super) use listener::{Listener, Listening};
pub(super) use url::PostgresUrl;

use super::manager::Purpose;
use super::{DatabaseConfig, DatabaseError};

/// The first half of the keys of all our advisory locks ("Port"): other users of the database have their own.
const LOCKS: i32 = 0x506f_7274;
/// Held while migrations run.
const MIGRATION_LOCK: i32 = 1;
/// Held by the one transaction of the moment that governs.
const GOVERNING_LOCK: i32 = 2;

/// How long a process that starts waits for another one's migrations.
const MIGRATION_TURN: Duration = Duration::from_secs(300);
/// How long a migration waits for whoever works on a table. Meanwhile everybody else waits behind it, so it had better give up.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(10);

/// Makes connections to one server.
pub(super) struct PostgresOpener {
    url: PostgresUrl,
    is_pooled: bool,
    connect_timeout: Duration,
    application_name: String,
}

impl PostgresOpener {
    pub(super) fn new(url: &PostgresUrl, config: &DatabaseConfig) -> Self {
        Self {
            url: url.clone(),
            is_pooled: config.is_pooled,
            connect_timeout: config.pool_wait,
            application_name: config.application_name.clone(),
        }
    }

    pub(super) fn open(&self) -> Result<PgConnection, DatabaseError> {
        let defaults = [
            ("application_name", self.application_name.as_str()),
            // Whole seconds, and libpq takes one for two.
            ("connect_timeout", &self.connect_timeout.as_secs().max(2).to_string()),
            // A server that is gone without a word is given up after 10 s, not after the system's quarter of an hour.
            ("tcp_user_timeout", "10000"),
            ("keepalives_idle", "10"),
            ("client_encoding", "UTF8"),
        ];
        let mut connection = PgConnection::establish(&self.url.with_defaults(&defaults))
            .map_err(|refusal| DatabaseError::unavailable(self.url.redact(&refusal.to_string())))?;
        if self.is_pooled {
            // What is prepared in one transaction may not be there in the next, or be there from somebody else.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(connection)
    }
}

/// Begins a transaction and sets its limits, in one round trip.
pub(super) fn begin(connection: &mut PgConnection, purpose: Purpose, config: &DatabaseConfig) -> QueryResult<()> {
    let (lock, statement) = (config.lock_timeout.as_millis(), config.statement_timeout.as_millis());
    // Whoever falls silent in the middle of a transaction keeps others waiting no longer than a statement could.
    let limits = format!(
        "SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}; \
         SET LOCAL idle_in_transaction_session_timeout = {statement}"
    );
    let script = match purpose {
        // One state of the database for the whole transaction.
        Purpose::Read => format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"),
        // Each statement sees what others have committed by then, so that what is read after a lock was had is what the lock protects.
        // Not READ WRITE: a standby refuses that at once and in words of its own, and an operator who wants a database only read, be it
        // for a disk that is almost full, would be overruled. So the first change is refused, as an outage.
        Purpose::Concurrent => format!("BEGIN ISOLATION LEVEL READ COMMITTED; {limits}"),
        // The lock before any row's: whoever has it waits for nobody who waits for it.
        Purpose::Exclusive => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; {limits}; SELECT pg_advisory_xact_lock({LOCKS}, {GOVERNING_LOCK})"
        ),
        Purpose::Migrate => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}; \
             SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATION_LOCK}); SET LOCAL lock_timeout = {}",
            MIGRATION_TURN.as_millis(),
            MIGRATION_PATIENCE.as_millis()
        ),
    };
    AnsiTransactionManager::begin_transaction_sql(connection, &script)
}

/// Commits, and with it sends `notice`, if there is one, to the other replicas. PostgreSQL answers the COMMIT of a transaction in which something failed by undoing it, and calls that a success; the
/// statement before it does not.
pub(super) fn commit(connection: &mut PgConnection, notice: Option<&str>) -> QueryResult<()> {
    let script = match notice {
        // Made of hexadecimal digits, a space, and a number or a star.
        Some(notice) => format!("SELECT pg_notify('{}', '{notice}'); COMMIT", listener::CHANNEL),
        None => "SELECT 1; COMMIT".to_owned(),
    };
    connection.batch_execute(&script).inspect_err(|_| {
        // A connection on which that fails too is known for broken by its state.
        let _ = roll_back(connection);
    })
}

/// Leaves whatever transaction there may be.
pub(super) fn roll_back(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("ROLLBACK")
}

/// Warns where the server words its errors in another language: some failures that pass by themselves are known by their English words only.
pub(super) fn warn_of_other_languages(connection: &mut PgConnection) -> QueryResult<()> {
    let language: String =
        diesel::select(diesel::dsl::sql::<Text>("current_setting('lc_messages')")).get_result(connection)?;
    if !["C", "POSIX", "en", ""].iter().any(|plain| language.split(['.', '_']).next() == Some(plain)) {
        tracing::warn!(
            lc_messages = language,
            "the server words its errors in another language than English: some outages will be taken for defects; docs/operating.md tells more"
        );
    }
    Ok(())
}
