//! The connection type of all queries, independent of the kind of database.

#![allow(
    unreachable_patterns,
    unreachable_pub,
    missing_docs,
    reason = "the derive generates undocumented types, and an unreachable fallback arm with a single backend"
)]

/// A connection to the database that `DATABASE_URL` names.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// SQLite, compiled in.
    Sqlite(diesel::sqlite::SqliteConnection),
    /// PostgreSQL, through the system's libpq.
    #[cfg(feature = "postgres")]
    Postgres(diesel::pg::PgConnection),
}

/// Evaluates an expression on the concrete connection: `directly!(conn => query.execute(conn))`.
///
/// For frequent queries. On a concrete connection Diesel finds the prepared statement by the type of the query; on a [`DbConnection`] it
/// has to build the SQL text each time to find it.
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
