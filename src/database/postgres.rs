//! Opens connections to PostgreSQL, and begins their transactions.
//!
//! Nothing is set for a session: every limit goes with its transaction, so that a pooler which hands another server connection to the next
//! transaction (PgBouncer in transaction mode) changes nothing.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, CacheSize};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::manager::Purpose;
use super::{DatabaseConfig, DatabaseError, PostgresUrl};

/// The first half of the keys of all our advisory locks ("Port"): other users of the database have their own.
const LOCKS: i32 = 0x506f_7274;
/// Held while migrations run.
const MIGRATION_LOCK: i32 = 1;
/// Held by whoever changes what others may do.
const ADMINISTRATION_LOCK: i32 = 2;

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
            is_pooled: config.pgbouncer,
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
    // Whoever fell silent in the middle of a transaction keeps others waiting no longer than a statement could.
    let limits = format!(
        "SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}; \
         SET LOCAL idle_in_transaction_session_timeout = {statement}"
    );
    let script = match purpose {
        // One state of the database for the whole transaction.
        Purpose::Read => format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"),
        // Each statement sees what others have committed by then, so that what is read after a lock was had is what the lock protects.
        Purpose::Write => format!("BEGIN ISOLATION LEVEL READ COMMITTED; {limits}"),
        Purpose::Migrate => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}; \
             SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATION_LOCK}); SET LOCAL lock_timeout = {}",
            MIGRATION_TURN.as_millis(),
            MIGRATION_PATIENCE.as_millis()
        ),
    };
    AnsiTransactionManager::begin_transaction_sql(connection, &script)
}

/// Waits for the turn to change what others may do; it ends with the transaction.
pub(super) fn take_administration(connection: &mut PgConnection) -> QueryResult<()> {
    diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCKS}, {ADMINISTRATION_LOCK})")).execute(connection)?;
    Ok(())
}

/// Warns where the server words its errors in another language: some failures that pass by themselves are known by their English words only.
pub(super) fn warn_of_other_languages(connection: &mut PgConnection) -> QueryResult<()> {
    let language: String =
        diesel::select(diesel::dsl::sql::<Text>("current_setting('lc_messages')")).get_result(connection)?;
    if !["C", "POSIX", "en", ""].iter().any(|plain| language.split(['.', '_']).next() == Some(plain)) {
        tracing::warn!(
            lc_messages = language,
            "the server words its errors in another language than English; some outages will be taken for defects"
        );
    }
    Ok(())
}
