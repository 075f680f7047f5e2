//! Opens connections to PostgreSQL, and begins and ends their transactions.
//!
//! No setting belongs to a session: every limit is set for its transaction only. So PgBouncer in transaction mode, which may run the next
//! transaction on another server connection, makes no difference.

mod listener;
mod url;

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

pub(super) use listener::{Listener, Listening};
pub(super) use url::PostgresUrl;

use super::transaction_mode::TransactionMode;
use super::{DatabaseConfig, DatabaseError};

/// The channel of the replicas' notices.
const CHANNEL: &str = "portcullis";
/// The first half of the keys of all our advisory locks ("Port"), which keeps them apart from those of other applications.
const LOCK_NAMESPACE: i32 = 0x506f_7274;
/// Held while migrations run.
const MIGRATION_LOCK: i32 = 1;
/// Held by an exclusive transaction.
const EXCLUSIVE_LOCK: i32 = 2;

/// How long a starting process waits for the migrations of another process.
const MIGRATION_LOCK_WAIT: Duration = Duration::from_secs(300);
/// How long a migration waits for a lock on a table. Every other transaction queues behind it meanwhile, so it gives up early.
const MIGRATION_TABLE_WAIT: Duration = Duration::from_secs(10);

/// Opens connections to one server.
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
            // Whole seconds; libpq treats 1 as 2.
            ("connect_timeout", &self.connect_timeout.as_secs().max(2).to_string()),
            // Gives up a silent server after 10 s instead of the system's 15 minutes.
            ("tcp_user_timeout", "10000"),
            ("keepalives_idle", "10"),
            ("client_encoding", "UTF8"),
        ];
        let mut connection = PgConnection::establish(&self.url.with_defaults(&defaults))
            .map_err(|error| DatabaseError::unavailable(self.url.redact(&error.to_string())))?;
        if self.is_pooled {
            // A statement prepared in one transaction may be missing in the next, or its name may belong to another client.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(connection)
    }
}

/// Begins a transaction and sets its limits, in one round trip.
pub(super) fn begin(connection: &mut PgConnection, mode: TransactionMode, config: &DatabaseConfig) -> QueryResult<()> {
    let (lock, statement) = (config.lock_timeout.as_millis(), config.statement_timeout.as_millis());
    // A transaction that goes idle blocks others no longer than a statement could.
    let limits = format!(
        "SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}; \
         SET LOCAL idle_in_transaction_session_timeout = {statement}"
    );
    let script = match mode {
        // One snapshot for the whole transaction.
        TransactionMode::Read => format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"),
        // Each statement sees what was committed before it, so a read after taking a lock sees the rows that the lock protects.
        // Not READ WRITE: it would override an operator's `default_transaction_read_only`, set for an almost full disk for example, and a
        // standby rejects it at once with another error. This way the first change is rejected, as an outage.
        TransactionMode::Concurrent => format!("BEGIN ISOLATION LEVEL READ COMMITTED; {limits}"),
        // The advisory lock comes before any row lock: its holder never waits for a transaction that waits for it.
        TransactionMode::Exclusive => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; {limits}; \
             SELECT pg_advisory_xact_lock({LOCK_NAMESPACE}, {EXCLUSIVE_LOCK})"
        ),
        TransactionMode::Migrate => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}; \
             SELECT pg_advisory_xact_lock({LOCK_NAMESPACE}, {MIGRATION_LOCK}); SET LOCAL lock_timeout = {}",
            MIGRATION_LOCK_WAIT.as_millis(),
            MIGRATION_TABLE_WAIT.as_millis()
        ),
    };
    AnsiTransactionManager::begin_transaction_sql(connection, &script)
}

/// Commits, and sends `notice` to the other replicas with the commit.
///
/// PostgreSQL reports success for the COMMIT of a failed transaction, although it rolls back; the statement before the COMMIT fails.
pub(super) fn commit(connection: &mut PgConnection, notice: Option<&str>) -> QueryResult<()> {
    let script = match notice {
        // Contains only hexadecimal digits, a space, and numbers with commas or a star, so it needs no escaping.
        Some(notice) => format!("SELECT pg_notify('{}', '{notice}'); COMMIT", CHANNEL),
        None => "SELECT 1; COMMIT".to_owned(),
    };
    connection.batch_execute(&script).inspect_err(|_| {
        // If the rollback fails too, the state of the connection marks it as broken.
        let _ = roll_back(connection);
    })
}

/// Ends the transaction, if one is open.
pub(super) fn roll_back(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("ROLLBACK")
}

/// Warns if the server's messages are not in English: some outages are recognized by their English message only.
pub(super) fn warn_of_other_languages(connection: &mut PgConnection) -> QueryResult<()> {
    let language: String =
        diesel::select(diesel::dsl::sql::<Text>("current_setting('lc_messages')")).get_result(connection)?;
    if !["C", "POSIX", "en", ""].iter().any(|plain| language.split(['.', '_']).next() == Some(plain)) {
        tracing::warn!(
            lc_messages = language,
            "the server reports errors in a language other than English; some outages may be reported as defects, see docs/operating.md"
        );
    }
    Ok(())
}
