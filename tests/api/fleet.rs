//! Several replicas over one database: a change by one takes effect at the others, and work that must happen once happens once.
//!
//! The tests need a server and are ignored without one. The times that they print and check are those promised in docs/scaling.md.

mod histories;
mod history;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis::dev::Algorithm;
use serde_json::{Value, json};

use crate::support::TestDatabase;
use crate::support::fleet::{Fleet, Replica, Way, pooler};
use crate::support::program::Program;

const ME: &str = "/api/v1/me";
const USERS: &str = "/api/v1/users";

/// The time from now until `replica` answers `status`.
async fn until(replica: &Replica, path: &str, token: &str, status: u16) -> Duration {
    let start = Instant::now();
    loop {
        let elapsed = start.elapsed();
        let reply = replica.get(path, token).await;
        if reply.status() == status {
            return elapsed;
        }
        assert!(elapsed < Duration::from_secs(30), "{path} is still {} {}", reply.status(), reply.text());
    }
}

/// Prints the measured times and returns their 99th percentile.
fn report(what: &str, mut taken: Vec<Duration>) -> Duration {
    taken.sort();
    let at = |percent: usize| taken[(taken.len() * percent).div_ceil(100).max(1) - 1];
    println!("{what}: {} trials, p50 {:.1?}, p99 {:.1?}, longest {:.1?}", taken.len(), at(50), at(99), at(100));
    at(99)
}

/// Alice makes each kind of change at the first replica; the second, which has bob in its cache, must apply it.
async fn changes_take_effect(fleet: &Fleet, what: &str) {
    let (here, there, admin) = (fleet.replica(0), fleet.replica(1), fleet.admin());
    assert_eq!(here.get(USERS, &admin).await.status(), 200);
    let bob = fleet.introduce(1, "bob").await;
    // Issued in the next seconds: disabling revokes the tokens issued until then, so an earlier token would stay refused.
    let later = || (chrono::Utc::now() + chrono::TimeDelta::seconds(5)).timestamp();
    let token_of_later = || fleet.token("bob").claim("iat", later()).sign();
    let act = async |action: &str| {
        let reply = here.post(&format!("{USERS}/{bob}/{action}"), &admin, json!({})).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
    };
    let mut taken = Vec::new();
    for _ in 0..33 {
        let token = token_of_later();
        until(there, ME, &token, 200).await;
        act("disable").await;
        taken.push(until(there, ME, &token, 403).await);
        act("enable").await;
        taken.push(until(there, ME, &token, 200).await);
    }
    let token = token_of_later();
    for _ in 0..34 {
        until(there, USERS, &token, 403).await;
        assert!(here.grant(&bob, "auditor", &admin, true).await.status() < 300);
        taken.push(until(there, USERS, &token, 200).await);
        assert!(here.grant(&bob, "auditor", &admin, false).await.status() < 300);
        taken.push(until(there, USERS, &token, 403).await);
    }
    for number in 0..66 {
        // A new user each time: a revoked token stays revoked.
        let subject = format!("user-{number}");
        let id = fleet.introduce(1, &subject).await;
        let token = fleet.token(&subject).sign();
        until(there, ME, &token, 200).await;
        let revoked = here.post(&format!("{USERS}/{id}/revoke"), &admin, json!({})).await;
        assert_eq!(revoked.status(), 200, "{}", revoked.text());
        taken.push(until(there, ME, &token, 401).await);
    }
    let p99 = report(what, taken);
    assert!(p99 <= Duration::from_millis(100), "{p99:?}");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn change_at_one_replica_takes_effect_at_the_other_within_100_ms() {
    let fleet = Fleet::start(2, Way::Proxy, &[]).await;
    changes_take_effect(&fleet, "disable, enable, grant, revoke role, revoke tokens").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn change_behind_pgbouncer_takes_effect_as_soon() {
    let fleet = Fleet::start(2, Way::PgBouncer, &[]).await;
    changes_take_effect(&fleet, "behind PgBouncer: disable, enable, grant, revoke role, revoke tokens").await;
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn change_without_a_notification_takes_effect_within_6_seconds() {
    let fleet = Fleet::start(2, Way::Proxy, &[]).await;
    let mut taken = Vec::new();
    for number in 0..5 {
        let subject = format!("user-{number}");
        let id = fleet.introduce(1, &subject).await;
        let token = fleet.token(&subject).sign();
        until(fleet.replica(1), ME, &token, 200).await;
        // As another replica would, but without the notification.
        fleet.database.execute(&format!(
            "UPDATE principals SET status = 'disabled', disabled_by = 'admin', version = version + 1,
                 changed_at = timezone('UTC', clock_timestamp()) WHERE id = '{id}'"
        ));
        taken.push(until(fleet.replica(1), ME, &token, 403).await);
    }
    let p99 = report("no notification", taken);
    assert!(p99 <= Duration::from_secs(6), "{p99:?}");
}

/// At first the identity is unknown, which is cached; and no change names it.
#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn identity_linked_without_a_notification_is_accepted_within_6_seconds() {
    let fleet = Fleet::start(1, Way::Proxy, &[("OIDC_JIT", "off")]).await;
    let (replica, admin) = (fleet.replica(0), fleet.admin());
    assert_eq!(replica.get(USERS, &admin).await.status(), 200);
    let identity = json!({ "issuer": fleet.idp.url(), "subject": "bob" });
    let made = replica.post(USERS, &admin, json!({ "identities": [identity] })).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let (id, token) = (made.json()["id"].as_str().unwrap().to_owned(), fleet.token("bob-too").sign());
    assert_eq!(replica.get(ME, &token).await.problem(), "unknown-principal");
    fleet.database.execute(&format!("UPDATE identities SET subject = 'bob-too' WHERE principal_id = '{id}'"));
    fleet.database.execute(&format!(
        "UPDATE principals SET version = version + 1, changed_at = timezone('UTC', clock_timestamp()) WHERE id = '{id}'"
    ));
    let taken = until(replica, ME, &token, 200).await;
    assert!(taken <= Duration::from_secs(6), "{taken:?}");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn role_changed_without_a_notification_takes_effect_within_6_seconds() {
    let fleet = Fleet::start(1, Way::Proxy, &[]).await;
    let (replica, admin) = (fleet.replica(0), fleet.admin());
    let bob = fleet.introduce(0, "bob").await;
    assert!(replica.grant(&bob, "user-manager", &admin, true).await.status() < 300);
    let token = fleet.token("bob").sign();
    until(replica, USERS, &token, 200).await;
    fleet.database.execute(
        "DELETE FROM role_permissions WHERE role = 'user-manager'; UPDATE roles SET version = version + 1 WHERE name = 'user-manager'",
    );
    let taken = until(replica, USERS, &token, 403).await;
    assert!(taken <= Duration::from_secs(6), "{taken:?}");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn replica_without_its_database_serves_cached_callers_for_the_stale_window() {
    let stale = [("AUTH_STALE_SECONDS", "4"), ("DATABASE_POOL_WAIT_SECONDS", "1")];
    let fleet = Fleet::start(1, Way::Proxy, &stale).await;
    let (replica, admin, bob) = (fleet.replica(0), fleet.admin(), fleet.token("bob").sign());
    let id = fleet.introduce(0, "bob").await;
    for token in [&admin, &bob] {
        until(replica, ME, token, 200).await;
        until(replica, ME, token, 200).await;
    }
    fleet.proxy.refuse();
    let cut = Instant::now();
    // Changes need the database, which is unreachable.
    let disable = replica.post(&format!("{USERS}/{id}/disable"), &admin, json!({})).await;
    assert_eq!((disable.status(), disable.problem().as_str()), (503, "database-unavailable"));
    assert!(disable.header("retry-after").is_some() && disable.challenge().is_none());
    let mut served_until = Duration::ZERO;
    while replica.get(ME, &bob).await.status() == 200 {
        served_until = cut.elapsed();
        assert!(served_until < Duration::from_secs(20));
    }
    println!("AUTH_STALE_SECONDS=4: bob was served for {served_until:.1?} after the cut");
    // The last check for changes was up to two seconds before the cut.
    assert!((1.5..4.5).contains(&served_until.as_secs_f64()), "{served_until:?}");
    let refused = replica.get(ME, &bob).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "database-unavailable"));
    assert_eq!(replica.get(ME, "no-token").await.status(), 401, "tokens are still verified");
    assert_eq!(replica.get("/health/live", &bob).await.status(), 204);
    fleet.proxy.pass();
    let recovered = until(replica, ME, &bob, 200).await;
    println!("recovered {recovered:.1?} after the connection was restored");
    assert_eq!(replica.post(&format!("{USERS}/{id}/disable"), &admin, json!({})).await.status(), 200);
}

#[test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
fn five_replicas_started_at_once_on_an_empty_database_migrate_once() {
    let database = TestDatabase::empty();
    assert!(database.is_server(), "run by scripts/with-postgres");
    let pooler = pooler();
    let services: Vec<_> = std::thread::scope(|scope| {
        let start = |number: usize| {
            let (url, pooler) = (database.url(), pooler.clone());
            scope.spawn(move || {
                let program = Program::portcullis()
                    .var("DATABASE_MIGRATE", "true")
                    .var("DATABASE_POOL_SIZE", "2")
                    .var("OIDC_ISSUER", "http://127.0.0.1:9")
                    .var("OIDC_AUDIENCE", "https://api.example.test");
                // Some of them connect through the pooler.
                if number % 2 == 1 {
                    let behind = crate::support::fleet::elsewhere(&url, &pooler);
                    let program = program.var("DATABASE_PGBOUNCER", "true").var("DATABASE_DIRECT_URL", &url);
                    program.var("DATABASE_URL", &behind).serve_with_log()
                } else {
                    program.var("DATABASE_URL", &url).serve_with_log()
                }
            })
        };
        let starting: Vec<_> = (0..5).map(start).collect();
        starting.into_iter().map(|started| started.join().unwrap()).collect()
    });
    let migrated = |log: &str| log.lines().filter(|line| line.contains("\"migrated\"")).count();
    let counts: Vec<usize> = services.iter().map(|(_, log)| migrated(log)).collect();
    println!("migrations run by each of five replicas: {counts:?}");
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1, "{counts:?}");
    for (service, _) in &services {
        let live = status_and_body(&format!("{}/health/ready", service.url()));
        // The provider is absent; the database is reachable.
        assert!(
            live.1["checks"]
                .as_array()
                .unwrap()
                .iter()
                .any(|check| check["name"] == "database" && check["passed"] == true)
        );
    }
}

fn status_and_body(url: &str) -> (u16, Value) {
    portcullis::actix_web::rt::System::new().block_on(async {
        let reply = crate::support::client().get(url).send().await.unwrap();
        (reply.status().as_u16(), serde_json::from_str(&reply.text().await.unwrap()).unwrap())
    })
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn five_replicas_fetch_a_rotated_key_at_most_twice() {
    let fleet = Fleet::start(5, Way::Proxy, &[]).await;
    for (number, replica) in fleet.replicas().iter().enumerate() {
        until(replica, ME, &fleet.token(&format!("user-{number}")).sign(), 200).await;
    }
    let at_start = fleet.idp.jwks().requests();
    fleet.idp.rotate(Algorithm::Es256);
    let token = fleet.token("bob").algorithm(Algorithm::Es256).sign();
    let replies = join_all((0..50).map(|number| fleet.replica(number % 5).get(ME, &token))).await;
    let fetches = fleet.idp.jwks().requests() - at_start;
    println!("five replicas: {at_start} fetches at the start, {fetches} for a rotated key");
    assert!(replies.iter().all(|reply| reply.status() == 200));
    assert!(at_start <= 2 && (1..=2).contains(&fetches));
}
