//! Tests of the migrations.

use diesel::QueryDsl;
use diesel::RunQueryDsl;
use diesel::migration::MigrationSource;
use diesel_migrations::MigrationHarness;

use super::*;
use crate::database::migrations;
use crate::schema::roles;

#[tokio::test]
async fn database_has_its_tables_after_the_migration_only() {
    let place = TestDatabase::empty();
    let database = Database::open(&config(&place)).unwrap();
    let count_roles = || database.read(|conn| Ok::<i64, DatabaseError>(roles::table.count().get_result(conn)?));
    assert!(count_roles().await.is_err());
    database.migrate(&[]).unwrap();
    assert!(count_roles().await.unwrap() > 0);
}

#[tokio::test]
async fn every_migration_can_be_reverted() {
    let (_folder, database) = Database::temporary();
    let left: Vec<String> = database
        .write(|conn| {
            let mut migrations = MigrationSource::<MultiBackend>::migrations(migrations::own(conn)).unwrap();
            migrations.sort_by_key(|migration| migration.name().to_string());
            for migration in migrations.iter().rev() {
                conn.revert_migration(migration).unwrap();
            }
            let names = diesel::dsl::sql::<diesel::sql_types::Text>(match conn {
                DbConnection::Sqlite(_) => {
                    "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> '__diesel_schema_migrations'"
                }
                #[cfg(feature = "postgres")]
                DbConnection::Postgres(_) => {
                    "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                         AND relname NOT LIKE '\\_\\_diesel%'
                     UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                }
            });
            Ok::<_, DatabaseError>(names.load(conn)?)
        })
        .await
        .unwrap();
    assert_eq!(left, Vec::<String>::new());
    assert!(!database.migrate(&[]).unwrap().is_empty());
}

#[cfg(feature = "postgres")]
#[test]
fn sqlite_and_postgres_have_the_same_migration_names() {
    let names = |source: &diesel_migrations::EmbeddedMigrations| {
        let migrations = MigrationSource::<MultiBackend>::migrations(source).unwrap();
        migrations.iter().map(|migration| migration.name().to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&migrations::SQLITE), names(&migrations::POSTGRES));
}

#[test]
fn applied_migrations_are_not_pending() {
    let place = TestDatabase::empty();
    let database = Database::open(&config(&place)).unwrap();
    let pending = database.pending_migrations(&[]).unwrap();
    assert!(pending.first().unwrap().ends_with("_create_principals"), "{pending:?}");
    assert_eq!(database.migrate(&[]).unwrap(), pending);
    assert_eq!(database.migrate(&[]).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn database_of_a_newer_build_is_rejected() {
    let (_folder, database) = Database::temporary();
    database
        .write(|conn| {
            conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')")?;
            Ok::<_, DatabaseError>(())
        })
        .await
        .unwrap();
    let refusal = database.migrate(&[]).unwrap_err();
    assert!(matches!(&refusal, DatabaseError::UnknownMigrations(names) if names == &["99990101000000"]), "{refusal:?}");
}

#[test]
fn two_migrations_of_one_version_are_rejected() {
    let place = TestDatabase::empty();
    let database = Database::open(&config(&place)).unwrap();
    let refusal = database.migrate(&[migrations::SQLITE]).unwrap_err();
    assert!(matches!(refusal, DatabaseError::MigrationVersionTaken(_)), "{refusal:?}");
}

#[test]
fn concurrent_starts_apply_each_migration_once() {
    let place = TestDatabase::empty();
    let config = config(&place);
    let all = Database::open(&config).unwrap().pending_migrations(&[]).unwrap().len();
    let applied: usize = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..6).map(|_| scope.spawn(|| Database::open(&config).unwrap().migrate(&[]).unwrap().len())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).sum()
    });
    assert_eq!(applied, all);
}
