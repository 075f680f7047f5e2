//! Why the database did not do what it was asked.
//!
//! One question matters to whoever asked: is the database out of reach, so that the same request may succeed later, or was the
//! statement itself refused? The address is in none of these errors: it may hold a password.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// What stands behind a [`DatabaseError::Unavailable`].
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the database, never of whoever sent the request.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Locked, exhausted, gone or unreadable: it may answer later.
    #[error("the database is out of reach")]
    Unavailable(#[source] Cause),
    /// The statement was refused: a defect of ours, or a constraint that did its work.
    #[error("the database refused a statement")]
    Query(#[source] DieselError),
    /// The database cannot be opened as configured.
    #[error("DATABASE_URL: {0}")]
    Open(&'static str),
    /// Only a pooler is known, which is no place for migrations and notices.
    #[error(
        "DATABASE_PGBOUNCER: migrations need the server itself, without the pooler; set DATABASE_DIRECT_URL to its address"
    )]
    DirectUrlMissing,
    /// A migration failed; nothing of it was kept.
    #[error("the database could not be migrated")]
    Migration(#[source] Cause),
    /// The database was migrated by a newer build than this one.
    #[error(
        "the database holds migrations that this build does not know ({}): it was migrated by a newer one, which is the one to run",
        .0.join(", ")
    )]
    UnknownMigrations(Vec<String>),
    /// Two sources of migrations claim the same version.
    #[error("two migrations have the version {0}: rename one of them")]
    MigrationVersionTaken(String),
}

impl DatabaseError {
    /// The database cannot answer now, for the reason that `cause` gives.
    pub(super) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Whether a row was refused because another has what must be one's own: somebody else came first.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Query(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }

    /// Whether a text holds a NUL, which PostgreSQL keeps in no text.
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

/// How PostgreSQL words its refusal of a NUL.
const NUL: &str = "invalid byte sequence for encoding \"UTF8\": 0x00";

/// How SQLite and PostgreSQL word the failures that are not the statement's. Diesel passes their text on, not their code.
const OUTAGES: [&str; 20] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "disk I/O error",
    "unable to open database file",
    "database or disk is full",
    "attempt to write a readonly database",
    "locking protocol",
    // The limits of a transaction, an operator, a standby that has to go on.
    "canceling statement due to",
    "terminating connection",
    "deadlock detected",
    "could not obtain lock",
    "the database system is",
    "sorry, too many clients already",
    "remaining connection slots are reserved",
    // No space, no memory, a disk that fails.
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
