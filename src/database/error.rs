//! Errors of the database.
//!
//! They separate an outage, after which the same request may succeed later, from a rejected statement. No error includes the URL: it may
//! hold a password.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// The cause of an error.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the database, never the fault of the client.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database is locked, exhausted, unreachable or unreadable. The request may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// The database rejected the statement: a defect of the service, or a violated constraint.
    #[error("the database refused a statement")]
    Query(#[source] DieselError),
    /// The database cannot be opened with this configuration.
    #[error("DATABASE_URL: {0}")]
    Open(&'static str),
    /// Only the URL of a pooler is configured. Migrations need a direct connection.
    #[error(
        "DATABASE_PGBOUNCER: migrations need a direct connection to the server; set DATABASE_DIRECT_URL to its URL"
    )]
    DirectUrlMissing,
    /// A migration failed and was rolled back.
    #[error("failed to migrate the database")]
    Migration(#[source] Cause),
    /// The database was migrated by a newer build than this one.
    #[error(
        "the database holds migrations that this build does not know ({}): it was migrated by a newer build; run that build",
        .0.join(", ")
    )]
    UnknownMigrations(Vec<String>),
    /// Two migrations have the same version.
    #[error("two migrations have the version {0}: rename one of them")]
    MigrationVersionTaken(String),
}

impl DatabaseError {
    /// An outage with this cause.
    pub(super) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Whether a unique constraint was violated: another row has the value already.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Query(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }

    /// Whether PostgreSQL rejected a text because it contains a NUL.
    pub(crate) fn is_about_nul(&self) -> bool {
        match self {
            Self::Query(DieselError::DatabaseError(_, information)) => information.message().starts_with(NUL),
            _ => false,
        }
    }
}

impl From<DieselError> for DatabaseError {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) { Self::unavailable(error) } else { Self::Query(error) }
    }
}

/// The start of PostgreSQL's message for a NUL in a text.
const NUL: &str = "invalid byte sequence for encoding \"UTF8\": 0x00";

/// The starts of SQLite's and PostgreSQL's messages for outages. Diesel passes on the text of an error, not its code.
const OUTAGES: [&str; 20] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "disk I/O error",
    "unable to open database file",
    "database or disk is full",
    "attempt to write a readonly database",
    "locking protocol",
    // A timeout, an operator, or a conflict with recovery on a standby.
    "canceling statement due to",
    "terminating connection",
    "deadlock detected",
    "could not obtain lock",
    "the database system is",
    "sorry, too many clients already",
    "remaining connection slots are reserved",
    // No disk space, no memory, a failing disk.
    "could not extend file",
    "could not write",
    "could not read",
    "out of shared memory",
    "out of memory",
];

fn is_outage(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        )
        | DieselError::BrokenTransactionManager
        | DieselError::RollbackErrorOnCommit { .. } => true,
        DieselError::DatabaseError(_, information) => {
            OUTAGES.iter().any(|outage| information.message().starts_with(outage))
        }
        _ => false,
    }
}
