//! Writers of a SQLite file share a transaction, but not their failures.

use std::sync::mpsc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::*;

type Outcome<T> = Result<T, DatabaseError>;

/// A SQLite file whose writer is held by a transaction until it is [released](Self::release).
struct HeldWriter {
    place: TestDatabase,
    database: Database,
    release: mpsc::Sender<()>,
    holder: JoinHandle<()>,
}

impl HeldWriter {
    async fn new() -> Self {
        Self::with(|config| config).await
    }

    async fn with(set: impl FnOnce(DatabaseConfig) -> DatabaseConfig) -> Self {
        let place = TestDatabase::file();
        let database = Database::open(&set(config(&place))).unwrap();
        database.migrate(&[]).unwrap();
        database.write(make_counters).await.unwrap();
        let (release, released) = mpsc::channel();
        let holding = database.clone();
        let holder = tokio::spawn(async move {
            let hold = move |_: &mut DbConnection| {
                released.recv().unwrap();
                Outcome::Ok(((), Invalidates::Nothing))
            };
            holding.write_invalidating(hold).await.unwrap();
        });
        let held = Self { place, database, release, holder };
        held.wait_until(|writer| writer.in_use == 1).await;
        held
    }

    async fn wait_until(&self, condition: impl Fn(PoolUsage) -> bool) {
        while !self.database.usage().into_iter().any(|usage| usage.pool == "write" && condition(usage)) {
            tokio::task::yield_now().await;
        }
    }

    /// Queues `work` behind the writes that wait already.
    async fn queue<T, W>(&self, work: W) -> JoinHandle<Outcome<T>>
    where
        T: Send + 'static,
        W: FnOnce(&mut DbConnection) -> Outcome<T> + Send + 'static,
    {
        let before = self.waiting();
        let database = self.database.clone();
        let work = move |conn: &mut DbConnection| Ok((work(conn)?, Invalidates::Everything));
        let queued = tokio::spawn(async move { database.write_concurrently(work).await });
        self.wait_until(|writer| writer.waiting > before).await;
        queued
    }

    fn waiting(&self) -> u64 {
        self.database.usage().into_iter().map(|usage| usage.waiting).sum()
    }

    /// Releases the writer and returns the results of the queued writes.
    async fn release<T>(
        self,
        queued: Vec<JoinHandle<T>>,
    ) -> (TestDatabase, Database, Vec<Result<T, tokio::task::JoinError>>) {
        self.release.send(()).unwrap();
        self.holder.await.unwrap();
        (self.place, self.database, join_all(queued).await)
    }

    /// Returns a function that counts the committed rows, on another connection.
    fn committed_rows(&self) -> impl Fn() -> i64 + Send + use<> {
        let path = self.place.url().strip_prefix("sqlite://").unwrap().to_owned();
        move || counters::table.count().get_result(&mut SqliteConnection::establish(&path).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn queued_writes_are_committed_together() {
    let held = HeldWriter::new().await;
    let mut queued = Vec::new();
    for id in 1..=3 {
        let committed = held.committed_rows();
        queued.push(held.queue(move |conn| add(conn, id).map(|()| committed())).await);
    }
    let (_place, database, ended) = held.release(queued).await;
    assert_eq!(ended.into_iter().map(|ended| ended.unwrap().unwrap()).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(count(&database).await, 3);
}

#[tokio::test]
async fn failed_or_panicking_write_is_rolled_back_alone() {
    let held = HeldWriter::new().await;
    let queued = vec![
        held.queue(|conn| add(conn, 1)).await,
        held.queue(|conn| add(conn, 2).and(Err(diesel::result::Error::NotFound.into()))).await,
        held.queue(|conn| add(conn, 3).map(|()| panic!("on mode"))).await,
        held.queue(|conn| add(conn, 4)).await,
        // The second of these violates the primary key.
        held.queue(|conn| add(conn, 5).and_then(|()| add(conn, 1))).await,
    ];
    let (_place, database, ended) = held.release(queued).await;
    let [one, two, three, four, five] = ended.try_into().unwrap();
    assert!(one.unwrap().is_ok() && four.unwrap().is_ok());
    assert!(matches!(two.unwrap(), Err(DatabaseError::Query(diesel::result::Error::NotFound))));
    assert!(three.unwrap_err().is_panic());
    assert!(five.unwrap().unwrap_err().is_taken());
    let kept: Vec<i32> =
        database.read(|conn| Outcome::Ok(counters::table.select(counters::id).load(conn)?)).await.unwrap();
    assert_eq!(kept, [1, 4]);
    database.write_concurrently(|conn| add(conn, 6).map(|()| ((), Invalidates::Nothing))).await.unwrap();
}

#[tokio::test]
async fn lost_transaction_fails_every_write_of_the_group() {
    let undone: [fn(&mut DbConnection) -> Outcome<()>; 3] = [
        // The commit fails.
        |conn| {
            conn.batch_execute("PRAGMA defer_foreign_keys = ON")?;
            Ok(conn.batch_execute(
                "INSERT INTO role_grants (principal_id, role, source, source_ref, granted_at)
                VALUES ('missing', 'member', 'manual', '', CURRENT_TIMESTAMP)",
            )?)
        },
        // The database has rolled back the whole transaction, as it does when the disk is full.
        |conn| Ok(conn.batch_execute("ROLLBACK; SELECT nothing")?),
        |conn| Ok(conn.batch_execute("ROLLBACK")?),
    ];
    for undo in undone {
        let held = HeldWriter::new().await;
        let before = held.database.invalidations().version();
        let queued = vec![
            held.queue(|conn| add(conn, 1)).await,
            held.queue(undo).await,
            held.queue(|conn| add(conn, 2)).await,
            // This error depends on another write of the group.
            held.queue(|conn| add(conn, 1)).await,
        ];
        let (_place, database, ended) = held.release(queued).await;
        for ended in ended {
            let ended = ended.unwrap();
            assert!(matches!(ended, Err(DatabaseError::Unavailable(_))), "{ended:?}");
        }
        assert_eq!(count(&database).await, 0);
        assert!(!database.invalidations().is_unchanged(InvalidationKey::of(&1), before), "in doubt it invalidates");
        database.write_concurrently(|conn| add(conn, 1).map(|()| ((), Invalidates::Nothing))).await.unwrap();
    }
}

#[tokio::test]
async fn cancelled_or_timed_out_write_is_not_run() {
    let pool_wait = Duration::from_millis(50);
    let held = HeldWriter::with(|config| DatabaseConfig { pool_wait, ..config }).await;
    let cancelled = held.queue(|conn| add(conn, 1)).await;
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    let too_late = held.queue(|conn| add(conn, 2)).await;
    assert!(matches!(too_late.await.unwrap(), Err(DatabaseError::Unavailable(_))));
    let (_place, database, _) = held.release::<()>(Vec::new()).await;
    database.write_concurrently(|conn| add(conn, 3).map(|()| ((), Invalidates::Nothing))).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn more_writes_than_one_group_are_all_committed() {
    let held = HeldWriter::new().await;
    let mut queued = Vec::new();
    for id in 0..100 {
        queued.push(held.queue(move |conn| add(conn, id)).await);
    }
    let (_place, database, ended) = held.release(queued).await;
    assert!(ended.into_iter().all(|ended| ended.unwrap().is_ok()));
    assert_eq!(count(&database).await, 100);
}

#[tokio::test]
async fn read_modify_write_in_a_group_loses_no_update() {
    let (_place, database) = Database::temporary_file();
    database.write(make_counters).await.unwrap();
    database.write(|conn| add(conn, 1)).await.unwrap();
    let increase = |conn: &mut DbConnection| {
        let before: i32 = counters::table.find(1).select(counters::value).first(conn)?;
        diesel::update(counters::table.find(1)).set(counters::value.eq(before + 1)).execute(conn)?;
        Outcome::Ok(())
    };
    let concurrent =
        (0..40).map(|_| database.write_concurrently(move |conn| increase(conn).map(|()| ((), Invalidates::Nothing))));
    let exclusive = (0..40).map(|_| database.write(increase));
    let (concurrent, exclusive): (Vec<_>, Vec<_>) = tokio::join!(join_all(concurrent), join_all(exclusive));
    assert!(concurrent.into_iter().chain(exclusive).all(|ended| ended.is_ok()));
    let counted = database.read(|conn| Outcome::Ok(counters::table.select(counters::value).first::<i32>(conn)?));
    assert_eq!(counted.await.unwrap(), 80);
}
