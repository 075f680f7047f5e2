//! Configuration of the database connection.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{DatabaseError, private_file};

/// The parameters of [`Database::open`](super::Database::open).
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The URL of the database.
    pub url: DatabaseUrl,
    /// The URL that bypasses a pooler, for migrations and notices.
    pub direct_url: Option<DatabaseUrl>,
    /// Whether `url` leads to a pooler in transaction mode, such as PgBouncer: no session state survives a transaction.
    pub is_pooled: bool,
    /// The durability of a commit when the machine loses power (SQLite; PostgreSQL has its own setting).
    pub synchronous: Synchronous,
    /// The number of transactions that may run at once; on SQLite, the number of readers in addition to the writer.
    pub pool_size: u32,
    /// How long a transaction may wait for a connection.
    pub pool_wait: Duration,
    /// How long a statement may take (PostgreSQL).
    pub statement_timeout: Duration,
    /// How long a statement may wait for another transaction (PostgreSQL).
    pub lock_timeout: Duration,
    /// The name of this service in PostgreSQL's list of connections (`application_name`).
    pub application_name: String,
}

impl DatabaseConfig {
    /// The configuration for `url`, with defaults for everything else.
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

    /// The URL for migrations. Fails if only the URL of a pooler is configured.
    pub(super) fn url_for_migrations(&self) -> Result<&DatabaseUrl, DatabaseError> {
        match &self.direct_url {
            Some(direct) => Ok(direct),
            None if self.is_pooled => Err(DatabaseError::DirectUrlMissing),
            None => Ok(&self.url),
        }
    }
}

/// The durability of a commit when the whole machine goes down, not only the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// The last commits may be lost; the database stays consistent.
    #[default]
    Normal,
    /// No commit is lost; each commit waits for the disk.
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
/// Its `Debug` output shows only the kind of database.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(super) DatabaseLocation);

/// The location of a database.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum DatabaseLocation {
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresUrl),
}

impl DatabaseUrl {
    /// Parses the URL. The error states the required form. The path of a file is used literally, without percent-decoding.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::parse_postgres(text);
        }
        let file = text.strip_prefix("sqlite://").ok_or("must be sqlite://<file> or postgres://<host>/<database>")?;
        if file.is_empty() {
            return Err("names no file; it must be sqlite://<file>");
        }
        if file.starts_with(":memory:") {
            return Err("must not be in memory, where each connection has a separate database; name a file");
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

    /// Whether the database is on a server, which several replicas can share.
    pub fn is_server(&self) -> bool {
        !matches!(self.0, DatabaseLocation::Sqlite(_))
    }

    /// Returns its files that users other than their owner can access. Empty for a server.
    pub(crate) fn files_open_to_others(&self) -> Vec<PathBuf> {
        match &self.0 {
            DatabaseLocation::Sqlite(file) => private_file::open_to_others(file),
            #[cfg(feature = "postgres")]
            DatabaseLocation::Postgres(_) => Vec::new(),
        }
    }

    /// Whether the database may exist. Always true for a server, which is not asked.
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
    fn url_names_a_sqlite_file() {
        assert_eq!(DatabaseUrl::parse("sqlite://portcullis.db"), Ok(DatabaseUrl::sqlite("portcullis.db")));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/lib/p.db"), Ok(DatabaseUrl::sqlite("/var/lib/p.db")));
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn debug_output_of_a_server_url_hides_the_password() {
        let url = DatabaseUrl::parse("postgres://u:secret@host/db").unwrap();
        assert_eq!(format!("{url:?}"), "postgres://…");
        assert!(!format!("{:?}", DatabaseConfig::new(url)).contains("secret"));
    }

    #[test]
    fn unsupported_url_is_rejected_with_a_reason() {
        for (url, word) in [
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
            let error = DatabaseUrl::parse(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
