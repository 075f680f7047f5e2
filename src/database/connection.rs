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

/// Does the same over the connection of whichever database it is: `directly!(conn => query.execute(conn))`.
///
/// For queries that are asked again and again. Of one database Diesel knows a prepared statement by the query's type; over a
/// [`DbConnection`] it writes the statement's text anew each time, to find it by.
macro_rules! directly {
    ($conn:ident => $work:expr) => {
        match $conn {
            $crate::database::DbConnection::Sqlite($conn) => $work,
            #[cfg(feature = "postgres")]
            $crate::database::DbConnection::Postgres($conn) => $work,
        }
    };
}
pub(crate) use directly;
