//! A place for the database of one test, of the kind that the environment asks for: `PORTCULLIS_TEST_DATABASE` names a PostgreSQL server
//! whose user may make databases, else it is a file.
//!
//! The tests of the API use this file too, each of the two not all of it.

#![allow(dead_code, reason = "shared by two crates, which use different parts of it")]

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use tempfile::TempDir;

/// Where the database of a test is. It goes with this value.
pub struct TestDatabase {
    place: TestLocation,
}

enum TestLocation {
    File(TempDir),
    #[cfg(feature = "postgres")]
    Server(server::OwnDatabase),
}

impl TestDatabase {
    /// A place with nothing in it.
    pub fn empty() -> Self {
        Self::made(false)
    }

    /// A place where all migrations have been run, if that is quicker than to run them.
    pub fn migrated() -> Self {
        Self::made(true)
    }

    /// A file, whatever the environment asks for.
    pub fn file() -> Self {
        Self { place: TestLocation::File(tempfile::tempdir().unwrap()) }
    }

    /// An empty database on the server at this address, whatever the environment asks for.
    #[cfg(feature = "postgres")]
    pub fn on_server(url: &str) -> Self {
        Self { place: TestLocation::Server(server::OwnDatabase::make(url, false)) }
    }

    #[cfg(feature = "postgres")]
    fn made(is_migrated: bool) -> Self {
        match server::url() {
            Some(server) => Self { place: TestLocation::Server(server::OwnDatabase::make(&server, is_migrated)) },
            None => Self::file(),
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn made(_: bool) -> Self {
        assert!(std::env::var_os("PORTCULLIS_TEST_DATABASE").is_none(), "this build has no PostgreSQL");
        Self::file()
    }

    /// What `DATABASE_URL` must be.
    pub fn url(&self) -> String {
        match &self.place {
            TestLocation::File(folder) => format!("sqlite://{}", path(folder).display()),
            #[cfg(feature = "postgres")]
            TestLocation::Server(database) => database.url().to_owned(),
        }
    }

    /// Whether it is PostgreSQL's.
    pub fn is_server(&self) -> bool {
        !matches!(self.place, TestLocation::File(_))
    }

    /// How many rows `rows` (a table, and perhaps a condition) are.
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

    /// Runs statements on it, past the service.
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

/// What a statement counts.
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

    /// A database of its own on the server.
    pub(super) struct OwnDatabase {
        server: String,
        name: String,
        url: String,
    }

    impl OwnDatabase {
        pub(super) fn make(server: &str, is_migrated: bool) -> Self {
            static MADE: AtomicU32 = AtomicU32::new(0);
            let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            let template = if is_migrated { template(server) } else { "template0" };
            let own = Self { server: server.to_owned(), url: url_of(server, &name), name };
            own.tell(&format!("CREATE DATABASE {} TEMPLATE {template}", own.name));
            own
        }

        pub(super) fn url(&self) -> &str {
            &self.url
        }

        fn tell(&self, statement: &str) {
            PgConnection::establish(&self.server).unwrap().batch_execute(statement).unwrap();
        }
    }

    impl Drop for OwnDatabase {
        fn drop(&mut self) {
            // With whoever is still connected: a service that has not ended yet.
            self.tell(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }

    /// The database that others are copied from, made once by each process of tests. Nobody may be connected to it meanwhile.
    fn template(server: &str) -> &'static str {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let name = format!("template_{}", std::process::id());
            let mut conn = PgConnection::establish(server).unwrap();
            // A process of the same number may have left one.
            conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
            conn.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
            PgConnection::establish(&url_of(server, &name)).unwrap().run_pending_migrations(MIGRATIONS).unwrap();
            name
        })
    }

    /// The address of another database on the same server.
    fn url_of(server: &str, database: &str) -> String {
        let (place, parameters) =
            server.split_once('?').map_or((server, String::new()), |(place, rest)| (place, format!("?{rest}")));
        let (host, _) = place.rsplit_once('/').unwrap();
        format!("{host}/{database}{parameters}")
    }
}
