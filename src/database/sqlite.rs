//! Opens SQLite connections, each with its pragmas set.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::manager::Purpose;
use super::private_file;
use super::{DatabaseConfig, DatabaseError, Synchronous};

/// How long a statement waits for another process to be through.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes connections of one purpose to one file.
pub(super) struct SqliteOpener {
    file: PathBuf,
    synchronous: Synchronous,
    purpose: Purpose,
    opened: Arc<AtomicU64>,
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

impl SqliteOpener {
    /// Fails in words when the file's folder does not exist; SQLite would only say that it cannot open the file.
    ///
    /// Makes the file where there is none, and warns where others than its owner have access.
    pub(super) fn new(file: &Path, config: &DatabaseConfig, purpose: Purpose) -> Result<Self, DatabaseError> {
        // An absolute path cannot be mistaken for one of SQLite's own notations (`file:…`, `:memory:`).
        let file =
            std::path::absolute(file).map_err(|_| DatabaseError::Open("the path of the file cannot be resolved"))?;
        if !file.parent().is_some_and(Path::is_dir) {
            return Err(DatabaseError::Open("the file's folder does not exist; create it or name another"));
        }
        if file.is_dir() {
            return Err(DatabaseError::Open("names a folder; it must name a file"));
        }
        private_file::make(&file)
            .map_err(|_| DatabaseError::Open("the file cannot be created; check the permissions of its folder"))?;
        if purpose != Purpose::Read {
            for file in private_file::open_to_others(&file) {
                tracing::warn!(file = %file.display(), "users other than the owner have access to a file of the database; run `chmod 600` on it");
            }
        }
        Ok(Self { file, synchronous: config.synchronous, purpose, opened: Arc::default() })
    }

    /// How many connections it has opened so far.
    pub(super) fn opened(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.opened)
    }

    pub(super) fn open(&self) -> Result<SqliteConnection, DatabaseError> {
        let path = self.file.to_str().ok_or(DatabaseError::Open("the path of the file must be UTF-8"))?;
        let mut connection = SqliteConnection::establish(path).map_err(DatabaseError::unavailable)?;
        self.prepare(&mut connection).map_err(DatabaseError::unavailable)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    /// One pragma a statement and in this order: the waiting time must be set before anything can wait.
    fn prepare(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        connection.batch_execute(&format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis()))?;
        turn_write_ahead_log_on(connection)?;
        connection.batch_execute(&format!("PRAGMA synchronous = {}", self.synchronous.pragma()))?;
        connection.batch_execute("PRAGMA foreign_keys = ON")?;
        match self.purpose {
            Purpose::Read => connection.batch_execute("PRAGMA query_only = ON"),
            // What a savepoint undoes is kept in memory: in a file it is as much to write as all the rest.
            _ => connection.batch_execute("PRAGMA temp_store = MEMORY"),
        }
    }
}

/// The switch to the write-ahead log is the one thing that SQLite does not wait for: whoever comes while another reads or writes is told
/// that the database is locked, at once and whatever the waiting time. So it is made only where it must be, and whoever is turned away
/// queues as a writer, which does wait, and looks again: as a rule the other one has made it by then.
fn turn_write_ahead_log_on(connection: &mut SqliteConnection) -> QueryResult<()> {
    let end = Instant::now() + PATIENCE;
    while !is_write_ahead(connection)? {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(refused) if Instant::now() < end => {
                tracing::debug!(%refused, "waiting for another process to be through");
                connection.batch_execute("BEGIN EXCLUSIVE; COMMIT")?;
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

fn is_write_ahead(connection: &mut SqliteConnection) -> QueryResult<bool> {
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode").get_result(connection)?;
    Ok(mode.journal_mode == "wal")
}

pub(super) fn begin(connection: &mut SqliteConnection, purpose: Purpose) -> QueryResult<()> {
    let statement = match purpose {
        Purpose::Read => "BEGIN DEFERRED",
        // A deferred transaction that comes to write after another has written fails at once, without waiting.
        _ => "BEGIN IMMEDIATE",
    };
    AnsiTransactionManager::begin_transaction_sql(connection, statement)
}
