//! The database of one test: a new database on the PostgreSQL server that `PORTCULLIS_TEST_DATABASE` names, whose user must be allowed to
//! create databases; otherwise a SQLite file.
//!
//! The API tests include this file as well. Neither crate uses all of it.

#![allow(dead_code, reason = "shared by two crates, which use different parts of it")]

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use tempfile::TempDir;

/// The location of a test's database, which is deleted when this is dropped.
pub struct TestDatabase {
    place: TestLocation,
}

enum TestLocation {
    File(TempDir),
    #[cfg(feature = "postgres")]
    Server(server::OwnDatabase),
}

impl TestDatabase {
    /// An empty database.
    pub fn empty() -> Self {
        Self::create(false)
    }

    /// A database for migrated tests: on a server a copy of a migrated template, otherwise an empty file.
    pub fn migrated() -> Self {
        Self::create(true)
    }

    /// A SQLite file, independent of the environment.
    pub fn file() -> Self {
        Self { place: TestLocation::File(tempfile::tempdir().unwrap()) }
    }

    /// An empty database on the server at this URL, independent of the environment.
    #[cfg(feature = "postgres")]
    pub fn on_server(url: &str) -> Self {
        Self { place: TestLocation::Server(server::OwnDatabase::make(url, false)) }
    }

    #[cfg(feature = "postgres")]
    fn create(is_migrated: bool) -> Self {
        match server::url() {
            Some(server) => Self { place: TestLocation::Server(server::OwnDatabase::make(&server, is_migrated)) },
            None => Self::file(),
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn create(_: bool) -> Self {
        assert!(std::env::var_os("PORTCULLIS_TEST_DATABASE").is_none(), "this build lacks the feature `postgres`");
        Self::file()
    }

    /// The `DATABASE_URL` of this database.
    pub fn url(&self) -> String {
        match &self.place {
            TestLocation::File(folder) => format!("sqlite://{}", path(folder).display()),
            #[cfg(feature = "postgres")]
            TestLocation::Server(database) => database.url().to_owned(),
        }
    }

    /// Whether it is on a PostgreSQL server.
    pub fn is_server(&self) -> bool {
        !matches!(self.place, TestLocation::File(_))
    }

    /// Returns the number of rows of `rows`, a table with an optional condition.
    pub fn count(&self, rows: &str) -> i64 {
        let query = diesel::sql_query(format!("SELECT COUNT(*) AS count FROM {rows}"));
        let counted: Count = match &self.place {
            TestLocation::File(folder) => {
                let mut file = SqliteConnection::establish(path(folder).to_str().unwrap()).unwrap();
                file.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                query.get_result(&mut file).unwrap()
            }
            #[cfg(feature = "postgres")]
            TestLocation::Server(database) => {
                query.get_result(&mut PgConnection::establish(database.url()).unwrap()).unwrap()
            }
        };
        counted.count
    }

    /// Runs statements on the database directly, without the service.
    pub fn execute(&self, statements: &str) {
        match &self.place {
            TestLocation::File(folder) => {
                let mut file = SqliteConnection::establish(path(folder).to_str().unwrap()).unwrap();
                file.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                file.batch_execute(statements).unwrap();
            }
            #[cfg(feature = "postgres")]
            TestLocation::Server(database) => {
                PgConnection::establish(database.url()).unwrap().batch_execute(statements).unwrap()
            }
        }
    }
}

/// The result of a counting statement.
#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("test.db")
}

#[cfg(feature = "postgres")]
mod server {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use diesel::connection::SimpleConnection;
    use diesel::pg::PgConnection;
    use diesel::prelude::*;
    use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

    const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

    pub(super) fn url() -> Option<String> {
        std::env::var("PORTCULLIS_TEST_DATABASE").ok()
    }

    /// A database on the server, dropped with this value.
    pub(super) struct OwnDatabase {
        server: String,
        name: String,
        url: String,
    }

    impl OwnDatabase {
        pub(super) fn make(server: &str, is_migrated: bool) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let template = if is_migrated { template(server) } else { "template0" };
            let own = Self { server: server.to_owned(), url: url_of(server, &name), name };
            own.execute_on_server(&format!("CREATE DATABASE {} TEMPLATE {template}", own.name));
            own
        }

        pub(super) fn url(&self) -> &str {
            &self.url
        }

        fn execute_on_server(&self, statement: &str) {
            PgConnection::establish(&self.server).unwrap().batch_execute(statement).unwrap();
        }
    }

    impl Drop for OwnDatabase {
        fn drop(&mut self) {
            // FORCE ends the connections of a service that is still running.
            self.execute_on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }

    /// The migrated template, created once per test process. PostgreSQL copies it only while it has no connections.
    fn template(server: &str) -> &'static str {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let name = format!("template_{}", std::process::id());
            let mut conn = PgConnection::establish(server).unwrap();
            // An earlier process with the same id may have left one.
            conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
            conn.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
            PgConnection::establish(&url_of(server, &name)).unwrap().run_pending_migrations(MIGRATIONS).unwrap();
            name
        })
    }

    /// The URL of another database on the same server.
    fn url_of(server: &str, database: &str) -> String {
        let (place, parameters) =
            server.split_once('?').map_or((server, String::new()), |(place, rest)| (place, format!("?{rest}")));
        let (host, _) = place.rsplit_once('/').unwrap();
        format!("{host}/{database}{parameters}")
    }
}
