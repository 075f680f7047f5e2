//! A PostgreSQL that drops its connections, is unavailable, crashes, is read-only or slow, under load.
//!
//! The tests run one after another, by `scripts/test` or
//! `scripts/with-postgres cargo test --features postgres --test api -- --ignored --test-threads 1 faults::postgres`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, join, select};
use portcullis::actix_web::rt::{task::spawn_blocking, time::sleep};
use portcullis::diesel::connection::SimpleConnection;
use portcullis::diesel::{Connection, PgConnection};

use super::load::{Kind, Load, ME, USERS};
use crate::support::fleet::{authority, elsewhere};
use crate::support::proxy::Proxy;
use crate::support::server::OwnServer;
use crate::support::{Setup, TestApp, TestDatabase};

/// Short timeouts, so that refusals come soon. The wait for a connection allows for a busy machine.
fn with_short_timeouts() -> Setup {
    TestApp::setup()
        .var("DATABASE_POOL_WAIT_SECONDS", "3")
        .var("DATABASE_STATEMENT_TIMEOUT_SECONDS", "2")
        .var("DATABASE_LOCK_TIMEOUT_SECONDS", "1")
}

/// A database of the server that the environment names.
fn database() -> TestDatabase {
    let database = TestDatabase::migrated();
    assert!(database.is_server(), "run this by scripts/with-postgres");
    database
}

/// The load on a service that connects to its database through a proxy.
async fn load() -> (Load, Proxy) {
    let database = database();
    let url = database.url();
    let proxy = Proxy::before(&authority(&url));
    let setup = with_short_timeouts().var("DATABASE_URL", &elsewhere(&url, &proxy.authority()));
    let app = setup.spawn_over(database).await;
    (Load::on(app).await, proxy)
}

const NEEDS_DATABASE: [Kind; 3] = [Kind::List, Kind::Newcomer, Kind::Write];

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn database_that_drops_its_connections_loses_nothing() {
    let (load, proxy) = load().await;
    for _ in 0..20 {
        load.answers_all(3).await;
        proxy.cut();
    }
    load.answers_all(20).await;
    load.end("connections dropped 20 times").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn database_that_is_unavailable_for_a_while_loses_nothing() {
    let (load, proxy) = load().await;
    for _ in 0..3 {
        load.answers_all(10).await;
        proxy.refuse();
        join(load.refuses(NEEDS_DATABASE, 4), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
        proxy.pass();
    }
    load.answers_all(20).await;
    load.end("unavailable 3 times").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn wait_for_a_stalled_database_is_bounded() {
    let (load, proxy) = load().await;
    for _ in 0..2 {
        load.answers_all(10).await;
        proxy.stall();
        join(load.refuses(NEEDS_DATABASE, 4), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
        proxy.pass();
    }
    load.answers_all(20).await;
    load.end("stalled twice").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn request_during_a_stall_is_answered_before_the_database_resumes() {
    let database = database();
    let url = database.url();
    let proxy = Proxy::before(&authority(&url));
    let setup = with_short_timeouts().var("DATABASE_URL", &elsewhere(&url, &proxy.authority()));
    let app = setup.var("DATABASE_POOL_SIZE", "1").spawn_over(database).await;
    let path = format!("{USERS}/{}", app.introduce("bob").await);
    assert_eq!(app.get(&path, &app.admin()).await.status(), 200);
    proxy.stall();
    let started = Instant::now();
    // The first request has the connection, which is stalled; the other waits for it.
    for reply in [app.get(&path, &app.admin()).await, app.get(&path, &app.admin()).await] {
        assert_eq!((reply.status(), reply.problem().as_str()), (503, "database-unavailable"));
        assert!(reply.header("retry-after").is_some() && reply.challenge().is_none());
    }
    println!("stalled during a transaction: two requests refused with 503 after {:.1?}", started.elapsed());
    proxy.pass();
    let recovers = async { while app.get(&path, &app.admin()).await.status() != 200 {} };
    tokio::time::timeout(Duration::from_secs(240), recovers).await.expect("the service recovers by itself");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn wait_for_a_slow_database_is_bounded() {
    let (load, _proxy) = load().await;
    for _ in 0..2 {
        load.answers_all(10).await;
        let mut holder = PgConnection::establish(&load.app().database().url()).unwrap();
        holder.batch_execute("BEGIN; LOCK TABLE principals IN ACCESS EXCLUSIVE MODE").unwrap();
        join(load.refuses(NEEDS_DATABASE, 4), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
        holder.batch_execute("ROLLBACK").unwrap();
    }
    load.answers_all(20).await;
    load.end("slow twice").await;
}

/// Sets whether transactions are read-only by default.
fn set_read_only(database: &TestDatabase, is_on: &str) {
    database.execute(&format!(
        "BEGIN READ WRITE;
         DO $$ BEGIN
             EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {is_on}', current_database());
         END $$;
         COMMIT"
    ));
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn read_only_database_serves_reads() {
    let (load, proxy) = load().await;
    for _ in 0..2 {
        load.answers_all(10).await;
        set_read_only(load.app().database(), "on");
        proxy.cut();
        load.refuses(Kind::WRITES, 10).await;
        join(load.answers(Kind::READS, 20), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
        set_read_only(load.app().database(), "off");
        proxy.cut();
    }
    load.answers_all(20).await;
    load.end("read-only twice").await;
}

/// The load on a separate server, which keeps acknowledged writes when it crashes.
async fn load_on_own_server() -> (Arc<OwnServer>, Load) {
    let server = Arc::new(spawn_blocking(OwnServer::start).await.unwrap());
    let database = TestDatabase::on_server(server.url());
    database.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$",
    );
    let load = Load::on(with_short_timeouts().spawn_over(database).await).await;
    (server, load)
}

/// Runs an action on the server off this thread, which serves the clients.
async fn off_thread(server: &Arc<OwnServer>, act: fn(&OwnServer)) {
    let server = Arc::clone(server);
    spawn_blocking(move || act(&server)).await.unwrap();
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn server_that_crashes_and_restarts_loses_nothing() {
    let (server, load) = load_on_own_server().await;
    for _ in 0..3 {
        load.answers_all(10).await;
        off_thread(&server, OwnServer::crash).await;
        join(load.refuses(NEEDS_DATABASE, 4), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
        off_thread(&server, OwnServer::start_again).await;
    }
    load.answers_all(20).await;
    load.end("crashed 3 times").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn standby_serves_reads_until_it_is_promoted() {
    let (server, load) = load_on_own_server().await;
    load.answers_all(10).await;
    off_thread(&server, OwnServer::crash).await;
    off_thread(&server, OwnServer::start_again_as_standby).await;
    load.refuses(Kind::WRITES, 10).await;
    join(load.answers(Kind::READS, 20), load.answers(Kind::WITHOUT_DATABASE, 50)).await;
    load.app().database().execute("SELECT pg_promote(wait => false)");
    load.answers_all(20).await;
    load.end("a standby for a while").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL: scripts/with-postgres"]
async fn request_without_a_free_connection_is_refused_within_the_wait() {
    let setup = TestApp::setup().var("DATABASE_POOL_SIZE", "2").var("DATABASE_POOL_WAIT_SECONDS", "1");
    let limits = setup.var("DATABASE_LOCK_TIMEOUT_SECONDS", "60").var("DATABASE_STATEMENT_TIMEOUT_SECONDS", "60");
    let app = limits.spawn_over(database()).await;
    let (alice, bob) = (app.admin(), app.introduce("bob").await);
    let path = format!("{USERS}/{bob}");
    assert_eq!(app.get(&path, &alice).await.status(), 200);
    let mut holder = PgConnection::establish(&app.database().url()).unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE principals IN ACCESS EXCLUSIVE MODE").unwrap();
    let held = join(app.get(&path, &alice), app.get(&path, &alice));
    let refused = async {
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.database().count(waiting) < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        let started = Instant::now();
        let refused = app.get(&path, &alice).await;
        (refused, started.elapsed())
    };
    // The locks determine this order, not the time: the holders of the connections are answered later.
    let (held, refusal, waited) = match select(Box::pin(held), Box::pin(refused)).await {
        Either::Right(((refusal, waited), held)) => (held, refusal, waited),
        Either::Left(_) => panic!("the holders of the connections did not wait for the lock"),
    };
    assert_eq!((refusal.status(), refusal.problem().as_str()), (503, "database-unavailable"));
    assert!(refusal.header("retry-after").is_some() && refusal.challenge().is_none());
    assert_eq!(app.get(ME, "not-a-token").await.status(), 401);
    println!("2 of 2 connections in use: refused with 503 after {waited:.1?} of a wait of 1 s");
    holder.batch_execute("ROLLBACK").unwrap();
    let (one, two) = held.await;
    assert_eq!((one.status(), two.status()), (200, 200), "the delayed requests succeed");
}
