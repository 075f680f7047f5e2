//! Opens SQLite connections and sets their pragmas.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::private_file;
use super::transaction_mode::TransactionMode;
use super::{DatabaseConfig, DatabaseError, Synchronous};

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections of one mode to one file.
pub(super) struct SqliteOpener {
    file: PathBuf,
    synchronous: Synchronous,
    mode: TransactionMode,
    opened: Arc<AtomicU64>,
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

impl SqliteOpener {
    /// Creates the file if it does not exist, and warns if users other than its owner have access.
    ///
    /// Fails if the file cannot be created, with the reason: SQLite would only report that it cannot open the file.
    pub(super) fn new(file: &Path, config: &DatabaseConfig, mode: TransactionMode) -> Result<Self, DatabaseError> {
        // SQLite gives some names a special meaning (`file:…`, `:memory:`); an absolute path is none of them.
        let file =
            std::path::absolute(file).map_err(|_| DatabaseError::Open("the path of the file cannot be resolved"))?;
        if !file.parent().is_some_and(Path::is_dir) {
            return Err(DatabaseError::Open("the folder of the file does not exist; create it or choose another"));
        }
        if file.is_dir() {
            return Err(DatabaseError::Open("the path is a folder; it must be a file"));
        }
        private_file::create(&file)
            .map_err(|_| DatabaseError::Open("the file cannot be created; check the permissions of its folder"))?;
        if mode != TransactionMode::Read {
            for file in private_file::open_to_others(&file) {
                tracing::warn!(file = %file.display(), "users other than the owner have access to a database file; run `chmod 600` on it");
            }
        }
        Ok(Self { file, synchronous: config.synchronous, mode, opened: Arc::default() })
    }

    /// The number of connections opened so far.
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

    /// One pragma per statement, and in this order: the busy timeout has to be set before the first statement that can wait.
    fn prepare(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        connection.batch_execute(&format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis()))?;
        enable_wal(connection)?;
        connection.batch_execute(&format!("PRAGMA synchronous = {}", self.synchronous.pragma()))?;
        connection.batch_execute("PRAGMA foreign_keys = ON")?;
        match self.mode {
            TransactionMode::Read => connection.batch_execute("PRAGMA query_only = ON"),
            // Keeps the undo journal of savepoints in memory: in a file it would double what is written.
            _ => connection.batch_execute("PRAGMA temp_store = MEMORY"),
        }
    }
}

/// Switches the file to write-ahead logging, unless it is already.
///
/// The busy timeout does not apply to this switch: it fails at once while another connection reads or writes. After such a failure an
/// exclusive transaction, which does wait, queues behind the other connection, and the mode is checked again: usually the other
/// connection has made the switch.
fn enable_wal(connection: &mut SqliteConnection) -> QueryResult<()> {
    let end = Instant::now() + BUSY_TIMEOUT;
    while !is_wal(connection)? {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(refused) if Instant::now() < end => {
                tracing::debug!(%refused, "waiting for another process to release the database");
                connection.batch_execute("BEGIN EXCLUSIVE; COMMIT")?;
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

fn is_wal(connection: &mut SqliteConnection) -> QueryResult<bool> {
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode").get_result(connection)?;
    Ok(mode.journal_mode == "wal")
}

pub(super) fn begin(connection: &mut SqliteConnection, mode: TransactionMode) -> QueryResult<()> {
    let statement = match mode {
        TransactionMode::Read => "BEGIN DEFERRED",
        // A deferred transaction whose snapshot is outdated when it first writes fails at once, without waiting.
        _ => "BEGIN IMMEDIATE",
    };
    AnsiTransactionManager::begin_transaction_sql(connection, statement)
}
