//! Why the database did not do what it was asked.
//!
//! One question matters to whoever asked: is the database out of reach, so that the same request may succeed later, or was the
//! statement itself refused? The address is in none of these errors: it may hold a password.

use diesel::result::Error as DieselError;

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
}

impl From<DieselError> for DatabaseError {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) { Self::unavailable(error) } else { Self::Query(error) }
    }
}

/// How SQLite words the failures that are not the statement's. Diesel passes its text on, not its code.
const OUTAGES: [&str; 8] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "disk I/O error",
    "unable to open database file",
    "database or disk is full",
    "attempt to write a readonly database",
    "locking protocol",
];

fn is_outage(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(_, information) => {
            OUTAGES.iter().any(|outage| information.message().starts_with(outage))
        }
        _ => false,
    }
}
