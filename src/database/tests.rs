//! Tests of the transactions and of the change detection.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::testing::TestDatabase;
use super::*;

mod audit_trail;
mod group_commit;
mod migrations;
#[cfg(unix)]
mod private_file;

diesel::table! {
    counters (id) {
        id -> Integer,
        value -> Integer,
    }
}

pub(super) fn config(place: &TestDatabase) -> DatabaseConfig {
    DatabaseConfig { pool_size: 4, ..DatabaseConfig::new(DatabaseUrl::parse(&place.url()).unwrap()) }
}

/// A database with a table for the tests.
async fn with_counters() -> (TestDatabase, Database) {
    let (place, database) = Database::temporary();
    database.write(make_counters).await.unwrap();
    (place, database)
}

fn make_counters(conn: &mut DbConnection) -> Result<(), DatabaseError> {
    Ok(conn.batch_execute("CREATE TABLE counters (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")?)
}

fn add(conn: &mut DbConnection, id: i32) -> Result<(), DatabaseError> {
    diesel::insert_into(counters::table).values((counters::id.eq(id), counters::value.eq(0))).execute(conn)?;
    Ok(())
}

async fn count(database: &Database) -> i64 {
    database.read(|conn| Ok::<_, DatabaseError>(counters::table.count().get_result(conn)?)).await.unwrap()
}

#[tokio::test]
async fn failed_write_is_rolled_back() {
    let (_folder, database) = with_counters().await;
    let outcome: Result<(), DatabaseError> = database
        .write(|conn| {
            add(conn, 1)?;
            Err(diesel::result::Error::NotFound.into())
        })
        .await;
    assert!(matches!(outcome, Err(DatabaseError::Query(diesel::result::Error::NotFound))));
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let (_folder, database) = with_counters().await;
    let outcome: Result<(), DatabaseError> = database.read(|conn| add(conn, 1)).await;
    assert!(outcome.is_err());
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn panicking_work_is_rolled_back_and_the_next_write_succeeds() {
    let (_folder, database) = with_counters().await;
    let panicking = tokio::spawn({
        let database = database.clone();
        async move {
            let outcome: Result<(), DatabaseError> = database
                .write(|conn| {
                    add(conn, 1)?;
                    panic!("on mode");
                })
                .await;
            outcome
        }
    });
    assert!(panicking.await.unwrap_err().is_panic());
    assert_eq!(count(&database).await, 0);
    let next: Result<(), DatabaseError> = database.write(|conn| add(conn, 2)).await;
    next.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn read_modify_write_transactions_lose_no_update() {
    let (_folder, database) = with_counters().await;
    let seed: Result<(), DatabaseError> = database.write(|conn| add(conn, 1)).await;
    seed.unwrap();
    let writers = (0..40).map(|_| {
        database.write(|conn| {
            let before: i32 = counters::table.find(1).select(counters::value).first(conn)?;
            diesel::update(counters::table.find(1)).set(counters::value.eq(before + 1)).execute(conn)?;
            Ok::<_, DatabaseError>(())
        })
    });
    futures_util::future::try_join_all(writers).await.unwrap();
    let counted: i32 = database
        .read(|conn| Ok::<_, DatabaseError>(counters::table.select(counters::value).first(conn)?))
        .await
        .unwrap();
    assert_eq!(counted, 40);
}

#[tokio::test]
async fn commit_after_a_failed_statement_is_reported_as_an_error() {
    let (_place, database) = with_counters().await;
    if !is_on_a_server() {
        // SQLite rolls back only the failed statement.
        return;
    }
    let outcome: Result<(), DatabaseError> = database
        .write(|conn| {
            add(conn, 1)?;
            // The error is ignored on mode.
            let _ = add(conn, 1);
            Ok(())
        })
        .await;
    assert!(outcome.is_err());
    assert_eq!(count(&database).await, 0);
    // The connection is still usable.
    database.write(|conn| add(conn, 2)).await.unwrap();
}

#[tokio::test]
async fn exhausted_pool_is_reported_as_an_outage() {
    let place = TestDatabase::migrated();
    let config = DatabaseConfig { pool_size: 1, pool_wait: Duration::from_millis(50), ..config(&place) };
    let database = Database::open(&config).unwrap();
    database.migrate(&[]).unwrap();
    let (begun, is_running) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let slow = tokio::spawn({
        let database = database.clone();
        async move {
            let wait = move |_: &mut DbConnection| {
                begun.send(()).unwrap();
                released.recv().unwrap();
                Ok::<_, DatabaseError>(())
            };
            database.write(wait).await
        }
    });
    tokio::task::spawn_blocking(move || is_running.recv().unwrap()).await.unwrap();
    let refused = database.write(|_| Ok::<_, DatabaseError>(())).await;
    assert!(matches!(refused, Err(DatabaseError::Unavailable(_))), "{refused:?}");
    release.send(()).unwrap();
    slow.await.unwrap().unwrap();
    database.write(|_| Ok::<_, DatabaseError>(())).await.unwrap();
}

#[test]
fn migration_through_a_pooler_needs_the_direct_url() {
    let place = TestDatabase::empty();
    let pooled = DatabaseConfig { is_pooled: true, ..config(&place) };
    let refusal = Database::open(&pooled).unwrap().migrate(&[]).unwrap_err();
    assert!(matches!(refusal, DatabaseError::DirectUrlMissing) && refusal.to_string().contains("DATABASE_DIRECT_URL"));
    let direct = DatabaseConfig { direct_url: Some(pooled.url.clone()), ..pooled };
    assert!(!Database::open(&direct).unwrap().migrate(&[]).unwrap().is_empty());
}

#[cfg(feature = "postgres")]
#[test]
fn connection_error_does_not_contain_the_password() {
    let url = DatabaseUrl::parse("postgres://user:s3cret-word@127.0.0.1:1/nowhere").unwrap();
    let refusal = Database::open(&DatabaseConfig::new(url)).unwrap_err();
    let messages = format!("{refusal} {refusal:?} {}", std::error::Error::source(&refusal).unwrap());
    assert!(messages.contains("127.0.0.1") && !messages.contains("s3cret-word"), "{messages}");
}

#[test]
fn a_locked_database_is_an_outage_and_a_broken_statement_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("locked.db");
    let mut holder = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    holder.batch_execute("BEGIN EXCLUSIVE").unwrap();
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let locked = other.batch_execute("BEGIN IMMEDIATE").unwrap_err();
    assert!(matches!(DatabaseError::from(locked), DatabaseError::Unavailable(_)));
    let broken = other.batch_execute("SELEC 1").unwrap_err();
    assert!(matches!(DatabaseError::from(broken), DatabaseError::Query(_)));
}

#[test]
fn failure_to_open_a_file_has_a_reason_without_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = DatabaseUrl::sqlite(folder.path().join("no-such-folder").join("test.db"));
    for url in [nowhere, DatabaseUrl::sqlite(folder.path())] {
        let refusal = Database::open(&DatabaseConfig::new(url)).unwrap_err();
        assert!(matches!(refusal, DatabaseError::Open(_)), "{refusal:?}");
        assert!(!format!("{refusal} {refusal:?}").contains(folder.path().to_str().unwrap()));
    }
}

/// Whether these tests run on PostgreSQL.
fn is_on_a_server() -> bool {
    TestDatabase::empty().is_server()
}

#[tokio::test]
async fn changes_by_another_process_are_noticed_and_our_own_are_not() {
    // Only for a file: on a server the listener receives notices.
    let (place, database) = Database::temporary_file();
    database.write(make_counters).await.unwrap();
    let other = Database::open(&config(&place)).unwrap();
    assert!(database.notice_external_changes().await.unwrap(), "the first check always reports a change");
    database.write(|conn| add(conn, 1)).await.unwrap();
    assert!(!database.notice_external_changes().await.unwrap());
    let before = database.invalidations().version();
    other.write(|conn| add(conn, 2)).await.unwrap();
    assert!(database.notice_external_changes().await.unwrap());
    assert!(!database.invalidations().is_unchanged(InvalidationKey::of(&1), before));
    assert!(!database.notice_external_changes().await.unwrap());
}

#[tokio::test]
async fn committed_write_invalidates_and_rolled_back_write_does_not() {
    let (_folder, database) = with_counters().await;
    let (changes, bob) = (database.invalidations(), InvalidationKey::of(&"bob"));
    let before = changes.version();
    let refused: Result<(), DatabaseError> = database
        .write_invalidating(|conn| {
            add(conn, 1)?;
            Err(diesel::result::Error::NotFound.into())
        })
        .await;
    assert!(refused.is_err() && changes.is_all_unchanged(before));
    let write = |id, invalidates| database.write_invalidating(move |conn| add(conn, id).map(|()| ((), invalidates)));
    write(1, Invalidates::Nothing).await.unwrap();
    assert!(changes.is_all_unchanged(before));
    write(2, Invalidates::one(&"bob")).await.unwrap();
    assert!(!changes.is_unchanged(bob, before));
    let before = changes.version();
    database.write(|conn| add(conn, 3)).await.unwrap();
    assert!(!changes.is_unchanged(bob, before));
}

#[tokio::test]
async fn write_of_a_cancelled_caller_still_invalidates() {
    let (_folder, database) = with_counters().await;
    let before = database.invalidations().version();
    let (begun, is_running) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let waiting = tokio::spawn({
        let database = database.clone();
        async move {
            database
                .write(move |conn| {
                    begun.send(()).unwrap();
                    released.recv().unwrap();
                    add(conn, 1)
                })
                .await
        }
    });
    tokio::task::spawn_blocking(move || is_running.recv().unwrap()).await.unwrap();
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    // Writers are serialized: when this write has ended, so has the one before.
    database.write_invalidating(|conn| add(conn, 2).map(|()| ((), Invalidates::Nothing))).await.unwrap();
    assert!(!database.invalidations().is_unchanged(InvalidationKey::of(&1), before));
}
