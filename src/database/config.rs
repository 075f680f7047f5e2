//! Where the database is and how durable a commit must be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{DatabaseError, private_file};

/// What [`Database::open`](super::Database::open) needs to know.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Where it is without a pooler between: what migrations and notices go by.
    pub direct_url: Option<DatabaseUrl>,
    /// Whether `url` leads to a pooler that lends connections for a transaction only, as PgBouncer does: nothing is kept for a session.
    pub is_pooled: bool,
    /// How durable a commit is when the machine loses power (SQLite; PostgreSQL has its own setting).
    pub synchronous: Synchronous,
    /// How many transactions may run at once; on SQLite, how many may read beside the one that writes.
    pub pool_size: u32,
    /// How long a transaction may wait for a connection.
    pub pool_wait: Duration,
    /// How long a statement may take (PostgreSQL).
    pub statement_timeout: Duration,
    /// How long a statement may wait for another transaction (PostgreSQL).
    pub lock_timeout: Duration,
    /// What the database's own lists of connections call this service (PostgreSQL).
    pub application_name: String,
}

impl DatabaseConfig {
    /// The database at `url`, with the defaults of everything else.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            direct_url: None,
            is_pooled: false,
            synchronous: Synchronous::Normal,
            pool_size: 8,
            pool_wait: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            application_name: "portcullis".to_owned(),
        }
    }

    /// Where migrations are run. Fails in words where only a pooler is known.
    pub(super) fn url_for_migrations(&self) -> Result<&DatabaseUrl, DatabaseError> {
        match &self.direct_url {
            Some(direct) => Ok(direct),
            None if self.is_pooled => Err(DatabaseError::DirectUrlMissing),
            None => Ok(&self.url),
        }
    }
}

/// How durable a commit is when the machine, not only the process, goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The last commits may be lost, the database stays whole.
    #[default]
    Normal,
    /// No commit is lost; each waits for the disk.
    Full,
}

impl Synchronous {
    /// The value of SQLite's pragma of the same name.
    pub(super) fn pragma(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
        }
    }
}

/// A parsed `DATABASE_URL`: `sqlite://relative.db`, `sqlite:///absolute/path.db`, or `postgres://…` as libpq reads it.
///
/// Its `Debug` shows the kind of database only.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(super) DatabaseLocation);

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum DatabaseLocation {
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresUrl),
}

impl DatabaseUrl {
    /// Reads the address, or says what it must look like. The path of a file is taken as it stands: nothing is decoded.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::parse_postgres(text);
        }
        let file = text.strip_prefix("sqlite://").ok_or("must be sqlite://<file> or postgres://<host>/<database>")?;
        if file.is_empty() {
            return Err("names no file; it must be sqlite://<file>");
        }
        if file.starts_with(":memory:") {
            return Err("a database in memory would be a different one for each connection; name a file");
        }
        if file.contains(['?', '#', '\0']) {
            return Err("takes no parameters; it must be sqlite://<file>");
        }
        Ok(Self::sqlite(file))
    }

    #[cfg(feature = "postgres")]
    fn parse_postgres(text: &str) -> Result<Self, &'static str> {
        super::postgres::PostgresUrl::parse(text).map(DatabaseLocation::Postgres).map(Self)
    }

    #[cfg(not(feature = "postgres"))]
    fn parse_postgres(_: &str) -> Result<Self, &'static str> {
        Err(
            "this build has no PostgreSQL: build it with `--features postgres`, which needs libpq-dev, or use sqlite://<file>",
        )
    }

    /// The database file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(DatabaseLocation::Sqlite(path.into()))
    }

    /// Whether it is a server's, which several replicas can share.
    pub fn is_server(&self) -> bool {
        !matches!(self.0, DatabaseLocation::Sqlite(_))
    }

    /// Those of its files to which users other than their owner have access; none of a server's.
    pub(crate) fn files_open_to_others(&self) -> Vec<PathBuf> {
        match &self.0 {
            DatabaseLocation::Sqlite(file) => private_file::open_to_others(file),
            #[cfg(feature = "postgres")]
            DatabaseLocation::Postgres(_) => Vec::new(),
        }
    }

    /// Whether there may be a database at this address. Of a server's nobody knows before it was asked.
    pub fn exists(&self) -> bool {
        match &self.0 {
            DatabaseLocation::Sqlite(file) => file.exists(),
            #[cfg(feature = "postgres")]
            DatabaseLocation::Postgres(_) => true,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_server() { "postgres://…" } else { "sqlite://…" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_sqlite_file() {
        assert_eq!(DatabaseUrl::parse("sqlite://portcullis.db"), Ok(DatabaseUrl::sqlite("portcullis.db")));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/lib/p.db"), Ok(DatabaseUrl::sqlite("/var/lib/p.db")));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn an_address_of_a_server_is_shown_to_nobody() {
        let url = DatabaseUrl::parse("postgres://u:secret@host/db").unwrap();
        assert_eq!(format!("{url:?}"), "postgres://…");
        assert!(!format!("{:?}", DatabaseConfig::new(url)).contains("secret"));
    }

    #[test]
    fn what_is_not_supported_is_refused_in_words() {
        for (address, word) in [
            #[cfg(not(feature = "postgres"))]
            ("postgres://u:secret@host/db", "--features postgres"),
            #[cfg(not(feature = "postgres"))]
            ("postgresql://host/db", "--features postgres"),
            #[cfg(feature = "postgres")]
            ("postgres://u:secret@host/d\0b", "NUL"),
            ("mysql://host/db", "sqlite://"),
            ("portcullis.db", "sqlite://"),
            ("sqlite://", "no file"),
            ("sqlite://:memory:", "memory"),
            ("sqlite://p.db?mode=ro", "parameters"),
        ] {
            let refusal = DatabaseUrl::parse(address).unwrap_err();
            assert!(refusal.contains(word), "{address}: {refusal}");
            assert!(!refusal.contains("secret"));
        }
    }
}
