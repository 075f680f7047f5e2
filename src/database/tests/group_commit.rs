//! Writers of a file share a transaction, and nothing else.

use std::sync::mpsc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::*;

type Outcome<T> = Result<T, DatabaseError>;

/// A file with a table to try things on, whose writer somebody has until it is [let go](Self::go).
struct Held {
    place: TestDatabase,
    database: Database,
    go_on: mpsc::Sender<()>,
    holder: JoinHandle<()>,
}

impl Held {
    async fn new() -> Self {
        Self::with(|config| config).await
    }

    async fn with(set: impl FnOnce(DatabaseConfig) -> DatabaseConfig) -> Self {
        let place = TestDatabase::file();
        let database = Database::open(&set(config(&place))).unwrap();
        database.migrate(&[]).unwrap();
        database.write(make_counters).await.unwrap();
        let (go_on, told) = mpsc::channel();
        let holding = database.clone();
        let holder = tokio::spawn(async move {
            let hold = move |_: &mut DbConnection| {
                told.recv().unwrap();
                Outcome::Ok(((), Invalidates::Nothing))
            };
            holding.write_invalidating(hold).await.unwrap();
        });
        let held = Self { place, database, go_on, holder };
        held.wait_until(|writer| writer.in_use == 1).await;
        held
    }

    async fn wait_until(&self, is_it: impl Fn(PoolUsage) -> bool) {
        while !self.database.usage().into_iter().any(|usage| usage.pool == "write" && is_it(usage)) {
            tokio::task::yield_now().await;
        }
    }

    /// Has `work` wait for the writer, behind those who wait already.
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

    /// Lets go of the writer, and returns how the others ended.
    async fn go<T>(
        self,
        queued: Vec<JoinHandle<T>>,
    ) -> (TestDatabase, Database, Vec<Result<T, tokio::task::JoinError>>) {
        self.go_on.send(()).unwrap();
        self.holder.await.unwrap();
        (self.place, self.database, join_all(queued).await)
    }

    /// What somebody else sees of the table: what was committed.
    fn seen_from_outside(&self) -> impl Fn() -> i64 + Send + use<> {
        let path = self.place.url().strip_prefix("sqlite://").unwrap().to_owned();
        move || counters::table.count().get_result(&mut SqliteConnection::establish(&path).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn those_who_wait_at_the_same_time_are_committed_at_once() {
    let held = Held::new().await;
    let mut queued = Vec::new();
    for id in 1..=3 {
        let seen = held.seen_from_outside();
        queued.push(held.queue(move |conn| add(conn, id).map(|()| seen())).await);
    }
    let (_place, database, ended) = held.go(queued).await;
    assert_eq!(ended.into_iter().map(|ended| ended.unwrap().unwrap()).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(count(&database).await, 3);
}

#[tokio::test]
async fn what_fails_or_panics_is_undone_without_the_others() {
    let held = Held::new().await;
    let queued = vec![
        held.queue(|conn| add(conn, 1)).await,
        held.queue(|conn| add(conn, 2).and(Err(diesel::result::Error::NotFound.into()))).await,
        held.queue(|conn| add(conn, 3).map(|()| panic!("on purpose"))).await,
        held.queue(|conn| add(conn, 4)).await,
        // One of these was there already.
        held.queue(|conn| add(conn, 5).and_then(|()| add(conn, 1))).await,
    ];
    let (_place, database, ended) = held.go(queued).await;
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
async fn where_the_transaction_is_not_kept_none_of_them_is_told_that_it_was() {
    let undone: [fn(&mut DbConnection) -> Outcome<()>; 3] = [
        // The commit is refused.
        |conn| {
            conn.batch_execute("PRAGMA defer_foreign_keys = ON")?;
            Ok(conn.batch_execute(
                "INSERT INTO role_grants (principal_id, role, source, source_ref, granted_at)
                VALUES ('nobody', 'member', 'manual', '', CURRENT_TIMESTAMP)",
            )?)
        },
        // The database has undone all of it, as it does where there is no space.
        |conn| Ok(conn.batch_execute("ROLLBACK; SELECT nothing")?),
        |conn| Ok(conn.batch_execute("ROLLBACK")?),
    ];
    for undo in undone {
        let held = Held::new().await;
        let before = held.database.invalidations().version();
        let queued = vec![
            held.queue(|conn| add(conn, 1)).await,
            held.queue(undo).await,
            held.queue(|conn| add(conn, 2)).await,
            // A refusal may rest on what the others did.
            held.queue(|conn| add(conn, 1)).await,
        ];
        let (_place, database, ended) = held.go(queued).await;
        for ended in ended {
            let ended = ended.unwrap();
            assert!(matches!(ended, Err(DatabaseError::Unavailable(_))), "{ended:?}");
        }
        assert_eq!(count(&database).await, 0);
        assert!(!database.invalidations().is_unchanged(InvalidationKey::of(&1), before), "in doubt it is noted");
        database.write_concurrently(|conn| add(conn, 1).map(|()| ((), Invalidates::Nothing))).await.unwrap();
    }
}

#[tokio::test]
async fn who_waits_no_longer_is_not_written() {
    let patience = Duration::from_millis(50);
    let held = Held::with(|config| DatabaseConfig { pool_wait: patience, ..config }).await;
    let left = held.queue(|conn| add(conn, 1)).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    let too_late = held.queue(|conn| add(conn, 2)).await;
    assert!(matches!(too_late.await.unwrap(), Err(DatabaseError::Unavailable(_))));
    let (_place, database, _) = held.go::<()>(Vec::new()).await;
    database.write_concurrently(|conn| add(conn, 3).map(|()| ((), Invalidates::Nothing))).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn a_crowd_loses_nobody() {
    let held = Held::new().await;
    let mut queued = Vec::new();
    for id in 0..100 {
        queued.push(held.queue(move |conn| add(conn, id)).await);
    }
    let (_place, database, ended) = held.go(queued).await;
    assert!(ended.into_iter().all(|ended| ended.unwrap().is_ok()));
    assert_eq!(count(&database).await, 100);
}

#[tokio::test]
async fn works_that_read_first_do_not_lose_each_others_work() {
    let (_place, database) = Database::temporary_file();
    database.write(make_counters).await.unwrap();
    database.write(|conn| add(conn, 1)).await.unwrap();
    let increase = |conn: &mut DbConnection| {
        let before: i32 = counters::table.find(1).select(counters::value).first(conn)?;
        diesel::update(counters::table.find(1)).set(counters::value.eq(before + 1)).execute(conn)?;
        Outcome::Ok(())
    };
    let beside =
        (0..40).map(|_| database.write_concurrently(move |conn| increase(conn).map(|()| ((), Invalidates::Nothing))));
    let govern = (0..40).map(|_| database.write(increase));
    let (beside, govern): (Vec<_>, Vec<_>) = tokio::join!(join_all(beside), join_all(govern));
    assert!(beside.into_iter().chain(govern).all(|ended| ended.is_ok()));
    let counted = database.read(|conn| Outcome::Ok(counters::table.select(counters::value).first::<i32>(conn)?));
    assert_eq!(counted.await.unwrap(), 80);
}
