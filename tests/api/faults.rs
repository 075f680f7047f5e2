//! The database's bad days, under load: who needs no database goes on, the others are told 503, nothing that was said to be done is lost,
//! and all heals by itself.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use portcullis::actix_web::rt::{spawn, task::spawn_blocking};
use portcullis::dev::{Issuer, IssuerOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::fleet::{Fleet, Replica, Way};
use crate::support::program::Program;
use crate::support::{ALL_SCOPES, AUDIENCE, Request, TestDatabase, client};

const ME: &str = "/api/v1/me";
const USERS: &str = "/api/v1/users";

/// Short limits, so that a test need not wait long for what is refused.
const LIMITS: [(&str, &str); 3] = [
    ("DATABASE_POOL_WAIT_SECONDS", "1"),
    ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1"),
    ("DATABASE_LOCK_TIMEOUT_SECONDS", "1"),
];

/// What is asked again and again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Public,
    BadToken,
    KnownCaller,
    Write,
}

/// How it was answered.
#[derive(Default, Debug)]
struct Counts {
    answered: usize,
    unavailable: usize,
    wrong: Vec<String>,
}

/// Requests of every kind, as many as are answered.
struct Load {
    goes_on: Rc<Cell<bool>>,
    counts: Rc<RefCell<BTreeMap<Kind, Counts>>>,
    /// The ids of users that were said to be made.
    acknowledged: Rc<RefCell<Vec<String>>>,
    running: Vec<portcullis::actix_web::rt::task::JoinHandle<()>>,
}

impl Load {
    fn start(fleet: &Fleet) -> Self {
        let mut load = Self {
            goes_on: Rc::new(Cell::new(true)),
            counts: Rc::default(),
            acknowledged: Rc::default(),
            running: Vec::new(),
        };
        for kind in [Kind::Public, Kind::BadToken, Kind::KnownCaller, Kind::Write] {
            for lane in 0..2 {
                let (goes_on, counts) = (Rc::clone(&load.goes_on), Rc::clone(&load.counts));
                let acknowledged = Rc::clone(&load.acknowledged);
                let (replica, issuer) = (fleet.replica(0).clone(), fleet.idp.url().to_owned());
                let (admin, bob) = (fleet.admin(), fleet.token("bob").sign());
                load.running.push(spawn(async move {
                    let mut number = 0;
                    while goes_on.get() {
                        number += 1;
                        let reply = match kind {
                            Kind::Public => replica.get("/health/live", "").await,
                            Kind::BadToken => replica.get(ME, "no-token-of-anybody").await,
                            Kind::KnownCaller => replica.get(ME, &bob).await,
                            Kind::Write => {
                                replica.post(USERS, &admin, person(&issuer, &format!("{lane}-{number}"))).await
                            }
                        };
                        let expected = match kind {
                            Kind::Public => 204,
                            Kind::BadToken => 401,
                            Kind::KnownCaller => 200,
                            Kind::Write => 201,
                        };
                        let mut counts = counts.borrow_mut();
                        let counts = counts.entry(kind).or_default();
                        match reply.status() {
                            status if status == expected => {
                                counts.answered += 1;
                                if kind == Kind::Write {
                                    acknowledged.borrow_mut().push(reply.json()["id"].as_str().unwrap().to_owned());
                                }
                            }
                            503 if reply.header("retry-after").is_some() && reply.challenge().is_none() => {
                                counts.unavailable += 1
                            }
                            status => counts.wrong.push(format!("{status} {}", reply.text())),
                        }
                    }
                }));
            }
        }
        load
    }

    /// Ends the load; prints and judges what came of it.
    async fn end(self, fleet: &Fleet, what: &str) -> BTreeMap<Kind, Counts> {
        self.goes_on.set(false);
        for running in self.running {
            running.await.unwrap();
        }
        let counts = self.counts.take();
        let acknowledged = self.acknowledged.take();
        let lost = lost(&fleet.database, &acknowledged);
        for (kind, Counts { answered, unavailable, wrong }) in &counts {
            println!("{what}: {kind:?}: answered {answered}, refused with 503 {unavailable}, wrong {}", wrong.len());
            assert_eq!(wrong.first(), None, "{what}: {kind:?}");
        }
        println!(
            "{what}: {} writes acknowledged, {lost} of them lost, {} half writes",
            acknowledged.len(),
            halves(&fleet.database)
        );
        assert_eq!((lost, halves(&fleet.database)), (0, 0));
        for kind in [Kind::Public, Kind::BadToken] {
            assert!(counts[&kind].answered > 0 && counts[&kind].unavailable == 0, "{what}: {kind:?} needs no database");
        }
        counts
    }
}

fn person(issuer: &str, subject: &str) -> Value {
    json!({ "identities": [{ "issuer": issuer, "subject": subject }], "display_name": subject })
}

/// How many of these users are not there.
fn lost(database: &TestDatabase, ids: &[String]) -> usize {
    let there: i64 =
        ids.chunks(500).map(|ids| database.count(&format!("principals WHERE id IN ('{}')", ids.join("','")))).sum();
    ids.len() - usize::try_from(there).unwrap()
}

/// How many users lack a part of what is written with them.
fn halves(database: &TestDatabase) -> i64 {
    [
        "identities WHERE principal_id = p.id",
        "role_grants WHERE principal_id = p.id",
        "audit_events WHERE target = p.id",
    ]
    .map(|part| database.count(&format!("principals AS p WHERE NOT EXISTS (SELECT 1 FROM {part})")))
    .iter()
    .sum()
}

async fn fleet() -> Option<Fleet> {
    let fleet = Fleet::start(1, Way::Proxy, &LIMITS).await?;
    fleet.introduce(0, "bob").await;
    assert_eq!(fleet.replica(0).get(USERS, &fleet.admin()).await.status(), 200);
    Some(fleet)
}

/// Returns once a write and a read succeed again.
async fn healed(replica: &Replica, fleet: &Fleet, what: &str) {
    let start = std::time::Instant::now();
    for number in 0.. {
        let written =
            replica.post(USERS, &fleet.admin(), person(fleet.idp.url(), &format!("healed-{what}-{number}"))).await;
        if written.status() == 201 && replica.get(USERS, &fleet.admin()).await.status() == 200 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: {} {}", written.status(), written.text());
    }
    println!("{what}: healed {:.1?} after the fault ended", start.elapsed());
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Cuts every connection of the replicas, as a restart of the server does.
const DISCONNECT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[actix_web::test]
async fn a_database_that_drops_its_connections_loses_nothing() {
    let Some(fleet) = fleet().await else { return };
    let load = Load::start(&fleet);
    for _ in 0..10 {
        pause(200).await;
        fleet.database.execute(DISCONNECT);
    }
    healed(fleet.replica(0), &fleet, "dropped connections").await;
    let counts = load.end(&fleet, "dropped connections").await;
    assert!(counts[&Kind::Write].answered > 0 && counts[&Kind::KnownCaller].answered > 0);
}

#[actix_web::test]
async fn a_database_that_is_gone_and_comes_back_loses_nothing() {
    let Some(fleet) = fleet().await else { return };
    let load = Load::start(&fleet);
    for _ in 0..2 {
        pause(500).await;
        fleet.proxy.cut();
        pause(2_000).await;
        fleet.proxy.mend();
    }
    healed(fleet.replica(0), &fleet, "gone").await;
    let counts = load.end(&fleet, "gone").await;
    assert!(counts[&Kind::Write].answered > 0 && counts[&Kind::Write].unavailable > 0);
    assert!(counts[&Kind::KnownCaller].answered > 0);
}

#[actix_web::test]
async fn a_database_that_may_only_be_read_is_read() {
    let Some(fleet) = fleet().await else { return };
    let load = Load::start(&fleet);
    pause(500).await;
    let read_only = |is_on: &str| {
        fleet.database.execute(&format!(
            "BEGIN READ WRITE;
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {is_on}', current_database()); END $$;
             COMMIT; {DISCONNECT}"
        ));
    };
    read_only("on");
    pause(1_500).await;
    let list = fleet.replica(0).get(USERS, &fleet.admin()).await;
    assert_eq!(list.status(), 200, "{}", list.text());
    read_only("off");
    healed(fleet.replica(0), &fleet, "read-only").await;
    let counts = load.end(&fleet, "read-only").await;
    assert!(counts[&Kind::Write].answered > 0 && counts[&Kind::Write].unavailable > 0);
    assert!(counts[&Kind::KnownCaller].answered > 0);
}

#[actix_web::test]
async fn a_database_that_is_slow_is_not_waited_for_without_end() {
    let Some(fleet) = fleet().await else { return };
    let load = Load::start(&fleet);
    pause(500).await;
    let lock = "BEGIN; LOCK TABLE principals IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT";
    let url = fleet.database.url();
    spawn_blocking(move || TestDatabase::execute_at(&url, lock)).await.unwrap();
    healed(fleet.replica(0), &fleet, "slow").await;
    let counts = load.end(&fleet, "slow").await;
    assert!(counts[&Kind::Write].answered > 0 && counts[&Kind::Write].unavailable > 0);
    assert!(counts[&Kind::KnownCaller].answered > 0);
}

/// On either database: what was acknowledged is there when the process is gone from one moment to the next.
#[actix_web::test]
async fn a_service_that_is_killed_amid_writes_keeps_what_it_acknowledged_and_no_half() {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let database = TestDatabase::migrated();
    let program = Program::portcullis()
        .var("DATABASE_URL", &database.url())
        .var("DATABASE_MIGRATE", "true")
        .var("OIDC_ISSUER", idp.url())
        .var("OIDC_AUDIENCE", AUDIENCE)
        .var("BOOTSTRAP_ADMIN", &format!("{} alice", idp.url()));
    let service = spawn_blocking(move || program.serve()).await.unwrap();
    let (url, admin) = (service.url().to_owned(), idp.token().subject("alice").scope(ALL_SCOPES).sign());
    let acknowledged = Rc::new(RefCell::new(Vec::new()));
    let client = client();
    let writers: Vec<_> = (0..8)
        .map(|lane| {
            let (url, admin, client, issuer) = (url.clone(), admin.clone(), client.clone(), idp.url().to_owned());
            let acknowledged = Rc::clone(&acknowledged);
            spawn(async move {
                for number in 0.. {
                    let body = person(&issuer, &format!("{lane}-{number}"));
                    let request =
                        Request::new(&client, Method::POST, &format!("{url}{USERS}")).bearer(&admin).json(&body);
                    // It is gone when it does not answer.
                    let Ok(reply) = request.try_send().await else { return };
                    assert_eq!(reply.status(), 201, "{}", reply.text());
                    acknowledged.borrow_mut().push(reply.json()["id"].as_str().unwrap().to_owned());
                }
            })
        })
        .collect();
    while acknowledged.borrow().len() < 200 {
        pause(5).await;
    }
    // Kills it: SIGKILL, in the middle of what it is doing.
    drop(service);
    for writer in writers {
        writer.await.unwrap();
    }
    let acknowledged = acknowledged.take();
    let lost = lost(&database, &acknowledged);
    println!(
        "killed: {} writes acknowledged, {lost} of them lost, {} half writes",
        acknowledged.len(),
        halves(&database)
    );
    assert_eq!((lost, halves(&database)), (0, 0));
}
