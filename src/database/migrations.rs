//! Migrates the database to the schema of this build.
//!
//! All pending migrations run in one write transaction, so several processes may start at once, and a failed migration leaves the
//! database unchanged. A database that a newer build has migrated is rejected.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{DbConnection, MultiBackend};
use super::transaction_mode::TransactionMode;
use super::{Database, DatabaseError};

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
        run_on -> Timestamp,
    }
}

type BoxedMigration = Box<dyn Migration<MultiBackend>>;

impl Database {
    /// Applies the pending migrations of the service and of `extra`, in the order of their versions. Returns the names of the applied
    /// migrations.
    pub fn migrate(&self, extra: &[EmbeddedMigrations]) -> Result<Vec<String>, DatabaseError> {
        self.0.migrate(|conn| {
            // Creates the table of applied migrations if it does not exist.
            conn.applied_migrations().map_err(DatabaseError::Migration)?;
            let pending = pending(conn, extra)?;
            for migration in &pending {
                conn.run_migration(migration).map_err(DatabaseError::Migration)?;
            }
            Ok(names(&pending))
        })
    }

    /// Returns the names of the migrations that [`migrate`](Self::migrate) would apply. Read-only: the service's database role may lack the
    /// right to create tables.
    pub fn pending_migrations(&self, extra: &[EmbeddedMigrations]) -> Result<Vec<String>, DatabaseError> {
        self.0.readers.transaction_here(TransactionMode::Read, |conn| Ok(names(&pending(conn, extra)?)))
    }
}

/// The service's own migrations for this kind of database.
pub(super) fn own(conn: &DbConnection) -> &'static EmbeddedMigrations {
    match conn {
        DbConnection::Sqlite(_) => &SQLITE,
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(_) => &POSTGRES,
    }
}

fn pending(conn: &mut DbConnection, extra: &[EmbeddedMigrations]) -> Result<Vec<BoxedMigration>, DatabaseError> {
    let mut known = by_version(own(conn), extra)?;
    let unknown: Vec<_> = applied(conn)?.into_iter().filter(|version| known.remove(version).is_none()).collect();
    if unknown.is_empty() { Ok(known.into_values().collect()) } else { Err(DatabaseError::UnknownMigrations(unknown)) }
}

/// The applied versions, in ascending order.
fn applied(conn: &mut DbConnection) -> QueryResult<Vec<String>> {
    let table_exists = match conn {
        DbConnection::Sqlite(_) => "EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations')",
        #[cfg(feature = "postgres")]
        DbConnection::Postgres(_) => "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    };
    if !diesel::select(sql::<Bool>(table_exists)).get_result(conn)? {
        return Ok(Vec::new());
    }
    let versions = __diesel_schema_migrations::table.select(__diesel_schema_migrations::version);
    versions.order(__diesel_schema_migrations::version).load(conn)
}

fn by_version(
    own: &EmbeddedMigrations,
    extra: &[EmbeddedMigrations],
) -> Result<BTreeMap<String, BoxedMigration>, DatabaseError> {
    let mut known = BTreeMap::new();
    for source in std::iter::once(own).chain(extra) {
        let migrations: Vec<BoxedMigration> = source.migrations().map_err(DatabaseError::Migration)?;
        for migration in migrations {
            let version = migration.name().version().to_string();
            if known.insert(version.clone(), migration).is_some() {
                return Err(DatabaseError::MigrationVersionTaken(version));
            }
        }
    }
    Ok(known)
}

fn names(migrations: &[BoxedMigration]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}
