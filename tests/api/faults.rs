//! Faults of the database and of the service: no acknowledged write is lost, no write is half done, no caller is wrongly refused.
//!
//! The tests here need no server and run on both databases. The faults of a server are in `faults/postgres.rs`; without a server they are
//! ignored.

#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "most helpers serve the tests with a server"))]
mod load;
#[cfg(feature = "postgres")]
mod postgres;

use std::cell::{Cell, RefCell};

use futures_util::future::{join, join_all};
use portcullis::actix_web::rt::task::spawn_blocking;
use portcullis::dev::{Issuer, IssuerOptions};
use reqwest::Method;
use serde_json::json;

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, Request, TestApp, TestDatabase, client};
use load::{USERS, halves, lost, new_user};

async fn serve(database: &TestDatabase, idp: &Issuer) -> Service {
    let program = Program::portcullis()
        .var("DATABASE_URL", &database.url())
        .trusting(idp)
        // A busy machine takes a while to connect.
        .var("DATABASE_POOL_WAIT_SECONDS", "10")
        .var("BOOTSTRAP_ADMIN", &format!("{} alice", idp.url()));
    spawn_blocking(move || program.serve()).await.unwrap()
}

/// Creates users until the service is killed, after `enough` of them. Returns the ids of the acknowledged ones.
async fn write_until_killed(
    service: Service,
    idp: &Issuer,
    life: usize,
    enough: usize,
    refused: &Cell<usize>,
) -> Vec<String> {
    let (url, admin) = (service.url().to_owned(), idp.token().subject("alice").scope(ALL_SCOPES).sign());
    let (service, acknowledged, client) = (RefCell::new(Some(service)), RefCell::new(Vec::new()), client());
    let writer = async |lane: usize| {
        for number in 0.. {
            let request = Request::new(&client, Method::POST, &format!("{url}{USERS}")).bearer(&admin);
            // A killed service does not answer any more.
            let body = new_user(idp.url(), &format!("{life}-{lane}-{number}"));
            let Ok(reply) = request.json(&body).try_send().await else { return };
            if reply.status() == 503 {
                // On a busy machine eight writers may wait too long for their turn. Nothing was acknowledged.
                refused.set(refused.get() + 1);
                continue;
            }
            assert_eq!(reply.status(), 201, "{}", reply.text());
            acknowledged.borrow_mut().push(reply.json()["id"].as_str().unwrap().to_owned());
            if acknowledged.borrow().len() == enough {
                // SIGKILL while the requests of the other writers are in flight.
                drop(service.take());
            }
        }
    };
    join_all((0..8).map(writer)).await;
    acknowledged.into_inner()
}

#[actix_web::test]
async fn killed_service_keeps_every_acknowledged_write_and_no_half_write() {
    const LIVES: usize = 4;
    let (idp, database) = (Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap(), TestDatabase::migrated());
    let (mut acknowledged, refused) = (Vec::new(), Cell::new(0));
    for life in 0..LIVES {
        let service = serve(&database, &idp).await;
        acknowledged.extend(write_until_killed(service, &idp, life, 100, &refused).await);
    }
    // The next process finds every user.
    let (service, admin) = (serve(&database, &idp).await, idp.token().subject("alice").scope(ALL_SCOPES).sign());
    let client = client();
    for id in &acknowledged {
        let found = Request::new(&client, Method::GET, &format!("{}{USERS}/{id}", service.url())).bearer(&admin);
        assert_eq!(found.send().await.status(), 200, "{id}");
    }
    let (lost, halves) = (lost(&database, &acknowledged), halves(&database));
    let (written, refused) = (acknowledged.len(), refused.get());
    println!(
        "killed {LIVES} times: {written} writes acknowledged, {refused} refused with 503, 0 wrong, {lost} lost, {halves} half writes"
    );
    assert_eq!((lost, halves), (0, 0));
}

/// Active users with a permanent grant of `admin`.
const COUNTED_ADMINS: &str = "principals AS p JOIN role_grants AS g ON g.principal_id = p.id
                              WHERE g.role = 'admin' AND g.expires_at IS NULL AND p.status = 'active'";

#[actix_web::test]
async fn two_admins_who_demote_each_other_concurrently_leave_one_admin() {
    const TIMES: usize = 200;
    let one = TestApp::spawn().await;
    // Another replica over the same database.
    let other = TestApp::setup().var("OIDC_ISSUER", one.idp.url()).var("DATABASE_URL", &one.database().url());
    let other = other.var("BOOTSTRAP_ADMIN", "").spawn().await;
    let (alice, bob) = (one.introduce("alice").await, one.introduce("bob").await);
    let role = |id: &str| format!("{USERS}/{id}/roles/admin");
    let (alice_token, bob_token) = (one.admin(), one.token("bob").sign());
    assert_eq!(one.put(&role(&bob), &alice_token, json!({})).await.status(), 200);
    let (mut by_alice, mut by_bob, mut fewest) = (0, 0, i64::MAX);
    for _ in 0..TIMES {
        // As if each replica had just received the notification of the previous change.
        join(one.notice_external_changes(), other.notice_external_changes()).await;
        let replies = join(one.delete(&role(&bob), &alice_token), other.delete(&role(&alice), &bob_token)).await;
        fewest = fewest.min(one.database().count(COUNTED_ADMINS));
        let outcomes = [&replies.0, &replies.1].map(|reply| (reply.status(), reply.text().to_owned()));
        let (winner, token, demoted) = match (outcomes[0].0, outcomes[1].0) {
            (200, 403 | 409) => (&one, &alice_token, &bob),
            (403 | 409, 200) => (&other, &bob_token, &alice),
            _ => panic!("exactly one of them must be demoted: {outcomes:?}"),
        };
        *(if std::ptr::eq(winner, &one) { &mut by_alice } else { &mut by_bob }) += 1;
        assert_eq!(winner.put(&role(demoted), token, json!({})).await.status(), 200);
    }
    println!(
        "two admins demoted each other {TIMES} times at once: {by_alice} times the first won, {by_bob} times the second, never fewer than {fewest} left"
    );
    assert_eq!((fewest, by_alice + by_bob), (1, TIMES));
}
