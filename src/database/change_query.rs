//! The query of the change feed. It is handed in, because the database knows no table.

#[cfg(feature = "postgres")]
use std::collections::HashMap;

#[cfg(feature = "postgres")]
use chrono::NaiveDateTime;
#[cfg(feature = "postgres")]
use diesel::QueryResult;
#[cfg(feature = "postgres")]
use diesel::pg::PgConnection;

/// The rows whose changes end cached entries, as one poll reads them.
#[cfg(feature = "postgres")]
pub struct ChangedRows {
    /// The rows that changed lately: the id that [`Invalidates::one`](super::Invalidates::one) takes, and the time of the change.
    pub changed: HashMap<String, NaiveDateTime>,
    /// All rows that concern every entry, with their versions. A deleted row leaves no trace, so only the full list reveals it.
    pub shared: Vec<(String, i64)>,
}

/// Reads the rows that changed since a time, at most so many of them.
#[cfg(feature = "postgres")]
pub type ChangeQuery = fn(&mut PgConnection, NaiveDateTime, i64) -> QueryResult<ChangedRows>;
/// SQLite has no replicas, so its changes are not polled by row.
#[cfg(not(feature = "postgres"))]
pub type ChangeQuery = ();
