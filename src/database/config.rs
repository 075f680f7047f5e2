//! Where the database is and how durable a commit must be.

use std::fmt;
use std::path::{Path, PathBuf};

/// What [`Database::open`](super::Database::open) needs to know.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// How durable a commit is when the machine loses power.
    pub synchronous: Synchronous,
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

/// A parsed `DATABASE_URL`: `sqlite://relative.db` or `sqlite:///absolute/path.db`.
///
/// Its `Debug` shows the kind of database only.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    file: PathBuf,
}

impl DatabaseUrl {
    /// Reads the address, or says what it must look like. The path is taken as it stands: nothing is decoded.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err("this build has no PostgreSQL support; use sqlite://<file>");
        }
        let file = text.strip_prefix("sqlite://").ok_or("must be sqlite://<file>")?;
        if file.is_empty() {
            return Err("names no file; it must be sqlite://<file>");
        }
        if file.starts_with(":memory:") {
            return Err("a database in memory would be a different one for each connection; name a file");
        }
        if file.contains(['?', '#', '\0']) {
            return Err("takes no parameters; it must be sqlite://<file>");
        }
        Ok(Self { file: file.into() })
    }

    /// The database file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self { file: path.into() }
    }

    /// Whether there is a database at this address.
    pub fn exists(&self) -> bool {
        self.file.exists()
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sqlite://…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_sqlite_file() {
        assert_eq!(DatabaseUrl::parse("sqlite://portcullis.db").unwrap().file(), Path::new("portcullis.db"));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/lib/p.db").unwrap().file(), Path::new("/var/lib/p.db"));
    }

    #[test]
    fn what_is_not_supported_is_refused_in_words() {
        for (address, word) in [
            ("postgres://u:secret@host/db", "PostgreSQL"),
            ("postgresql://host/db", "PostgreSQL"),
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
