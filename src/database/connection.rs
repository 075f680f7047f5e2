//! The one connection type that queries are written against, whichever database is behind it.

#![allow(
    unreachable_patterns,
    unreachable_pub,
    missing_docs,
    reason = "the derive writes types that nobody names, with one fallback arm too many while there is a single backend"
)]

/// A connection to the database that `DATABASE_URL` names.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// SQLite, compiled in.
    Sqlite(diesel::sqlite::SqliteConnection),
    /// PostgreSQL, by the system's libpq.
    #[cfg(feature = "postgres")]
    Postgres(diesel::pg::PgConnection),
}
