//! Brings the database to the shape that this build expects.
//!
//! All pending migrations run in one writing transaction: several processes may start at once, and one that fails leaves the
//! database as it was. A database that a newer build has migrated is refused.

use std::collections::BTreeMap;

use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{DbConnection, MultiBackend};
use super::{Database, DatabaseError};

const OWN: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

type BoxedMigration = Box<dyn Migration<MultiBackend>>;

impl Database {
    /// Applies what is pending of the service's own migrations and of `extra`, in the order of their versions.
    /// Returns the names of those it applied.
    pub fn migrate(&self, extra: &[EmbeddedMigrations]) -> Result<Vec<String>, DatabaseError> {
        self.0.writer.transaction_here(|conn| {
            let pending = pending(conn, extra)?;
            for migration in &pending {
                conn.run_migration(migration).map_err(DatabaseError::Migration)?;
            }
            Ok(names(&pending))
        })
    }

    /// The names of the migrations that [`migrate`](Self::migrate) would apply.
    pub fn pending_migrations(&self, extra: &[EmbeddedMigrations]) -> Result<Vec<String>, DatabaseError> {
        // Over the writer: looking makes the table of applied migrations where there is none.
        self.0.writer.transaction_here(|conn| Ok(names(&pending(conn, extra)?)))
    }
}

fn pending(conn: &mut DbConnection, extra: &[EmbeddedMigrations]) -> Result<Vec<BoxedMigration>, DatabaseError> {
    let mut known = by_version(extra)?;
    let applied = conn.applied_migrations().map_err(DatabaseError::Migration)?;
    let unknown: Vec<_> =
        applied.iter().map(ToString::to_string).filter(|version| known.remove(version).is_none()).collect();
    if unknown.is_empty() { Ok(known.into_values().collect()) } else { Err(DatabaseError::UnknownMigrations(unknown)) }
}

fn by_version(extra: &[EmbeddedMigrations]) -> Result<BTreeMap<String, BoxedMigration>, DatabaseError> {
    let mut known = BTreeMap::new();
    for source in std::iter::once(&OWN).chain(extra) {
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
