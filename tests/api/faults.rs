//! The database's bad days, and the service's: nothing that was acknowledged is lost, nothing is half done, nobody is wrongly refused.
//!
//! What needs no server is here and runs on both databases. The faults of a server are in `faults/postgres.rs`; they are left out, and
//! counted as ignored, where there is none.

#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "most of it is for the faults of a server"))]
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
use load::{USERS, halves, lost, person};

async fn serve(database: &TestDatabase, idp: &Issuer) -> Service {
    let program = Program::portcullis()
        .var("DATABASE_URL", &database.url())
        .trusting(idp)
        // A busy machine takes a while to connect.
        .var("DATABASE_POOL_WAIT_SECONDS", "10")
        .var("BOOTSTRAP_ADMIN", &format!("{} alice", idp.url()));
    spawn_blocking(move || program.serve()).await.unwrap()
}

/// The ids of the people that were said to be made until the service is killed, which it is after `enough`.
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
            // It does not answer any more when it is gone.
            let body = person(idp.url(), &format!("{life}-{lane}-{number}"));
            let Ok(reply) = request.json(&body).try_send().await else { return };
            if reply.status() == 503 {
                // On a busy machine eight wait long for one writer. Nothing was acknowledged.
                refused.set(refused.get() + 1);
                continue;
            }
            assert_eq!(reply.status(), 201, "{}", reply.text());
            acknowledged.borrow_mut().push(reply.json()["id"].as_str().unwrap().to_owned());
            if acknowledged.borrow().len() == enough {
                // SIGKILL, with the requests of the other writers under way.
                drop(service.take());
            }
        }
    };
    join_all((0..8).map(writer)).await;
    acknowledged.into_inner()
}

#[actix_web::test]
async fn a_service_that_is_killed_amid_writes_keeps_all_that_it_acknowledged_and_nothing_by_half() {
    const LIVES: usize = 4;
    let (idp, database) = (Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap(), TestDatabase::migrated());
    let (mut acknowledged, refused) = (Vec::new(), Cell::new(0));
    for life in 0..LIVES {
        let service = serve(&database, &idp).await;
        acknowledged.extend(write_until_killed(service, &idp, life, 100, &refused).await);
    }
    // The next one finds everybody.
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

/// Active people with a grant of `admin` that does not end.
const COUNTED_ADMINS: &str = "principals AS p JOIN role_grants AS g ON g.principal_id = p.id
                              WHERE g.role = 'admin' AND g.expires_at IS NULL AND p.status = 'active'";

#[actix_web::test]
async fn two_admins_who_demote_each_other_at_once_never_leave_none() {
    const TIMES: usize = 200;
    let one = TestApp::spawn().await;
    // Another replica over the same database.
    let other = TestApp::setup().var("OIDC_ISSUER", one.idp.url()).var("DATABASE_URL", &one.database().url());
    let other = other.var("BOOTSTRAP_ADMIN", "").spawn().await;
    let (alice, bob) = (one.introduce("alice").await, one.introduce("bob").await);
    let role = |id: &str| format!("{USERS}/{id}/roles/admin");
    let (alice_says, bob_says) = (one.admin(), one.token("bob").sign());
    assert_eq!(one.put(&role(&bob), &alice_says, json!({})).await.status(), 200);
    let (mut by_alice, mut by_bob, mut fewest) = (0, 0, i64::MAX);
    for _ in 0..TIMES {
        // As if the notice of what happened at one had just reached the other.
        join(one.notice_external_changes(), other.notice_external_changes()).await;
        let replies = join(one.delete(&role(&bob), &alice_says), other.delete(&role(&alice), &bob_says)).await;
        fewest = fewest.min(one.database().count(COUNTED_ADMINS));
        let told = [&replies.0, &replies.1].map(|reply| (reply.status(), reply.text().to_owned()));
        let (winner, says, demoted) = match (told[0].0, told[1].0) {
            (200, 403 | 409) => (&one, &alice_says, &bob),
            (403 | 409, 200) => (&other, &bob_says, &alice),
            _ => panic!("one of them is demoted: {told:?}"),
        };
        *(if std::ptr::eq(winner, &one) { &mut by_alice } else { &mut by_bob }) += 1;
        assert_eq!(winner.put(&role(demoted), says, json!({})).await.status(), 200);
    }
    println!(
        "two admins demoted each other {TIMES} times at once: {by_alice} times the one did, {by_bob} times the other, never fewer than {fewest} left"
    );
    assert_eq!((fewest, by_alice + by_bob), (1, TIMES));
}
