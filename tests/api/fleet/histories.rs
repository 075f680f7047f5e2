//! Random histories over two replicas: many clients send requests while admins change permissions; the checker verifies the outcomes.
//!
//! A failed run prints its seed; `PORTCULLIS_TEST_SEED` repeats it, except for the scheduling of threads.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::json;

use super::history::{Bound, Change, Observed, Verdict, lags, violations};
use super::{ME, USERS};
use crate::support::fleet::{Fleet, Replica, Way};

const SUBJECTS: usize = 12;
const CLIENTS: usize = 16;
/// The duration of a run with notifications and without.
const RUN_DURATIONS: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(16)];

/// The time within which 99 of 100 notifications arrive (docs/scaling.md).
const NOTIFICATION: Duration = Duration::from_millis(100);

/// A change that an admin makes to a subject.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// Disables or enables the account.
    Account,
    /// Revokes or grants the role that allows to list users.
    Role,
    /// Revokes all tokens, once for each subject: a new token could be as old as the revocation.
    Tokens,
}

/// A random number generator with a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

fn seed() -> u64 {
    let given = std::env::var("PORTCULLIS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
}

/// A user whose requests are checked. Each is changed in one way only, so that the expected verdict is clear.
struct Subject {
    name: String,
    id: String,
    token: RefCell<String>,
    act: Action,
    path: &'static str,
}

struct Run<'a> {
    fleet: &'a Fleet,
    began: Instant,
    subjects: Vec<Subject>,
    is_silent: bool,
    changes: RefCell<Vec<Change>>,
    requests: RefCell<Vec<Observed>>,
}

impl<'a> Run<'a> {
    async fn prepare(fleet: &'a Fleet, is_silent: bool) -> Self {
        let admin = fleet.admin();
        assert_eq!(fleet.replica(0).get(USERS, &admin).await.status(), 200);
        let mut subjects = Vec::new();
        for number in 0..SUBJECTS {
            let name = format!("subject-{number}");
            let id = fleet.introduce(number % 2, &name).await;
            let (act, path) = match number % 3 {
                0 => (Action::Account, ME),
                1 => (Action::Role, USERS),
                _ => (Action::Tokens, ME),
            };
            if matches!(act, Action::Role) {
                assert!(fleet.replica(0).grant(&id, "auditor", &admin, true).await.status() < 300);
            }
            subjects.push(Subject { token: fleet.token(&name).sign().into(), name, id, act, path });
        }
        // The grants above have reached both replicas.
        for (subject, replica) in
            subjects.iter().flat_map(|subject| fleet.replicas().iter().map(move |replica| (subject, replica)))
        {
            let token = subject.token.borrow().clone();
            super::until(replica, subject.path, &token, 200).await;
        }
        Self {
            fleet,
            began: Instant::now(),
            subjects,
            is_silent,
            changes: RefCell::default(),
            requests: RefCell::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() > RUN_DURATIONS[usize::from(self.is_silent)]
    }

    /// Sends requests of random subjects to random replicas.
    async fn client(&self, mut random: Random) {
        while !self.is_over() {
            let (number, replica) = (random.below(SUBJECTS), random.below(2));
            let subject = &self.subjects[number];
            let token = subject.token.borrow().clone();
            let started = self.began.elapsed();
            let status = self.fleet.replica(replica).get(subject.path, &token).await.status();
            let verdict = if status == 200 { Verdict::Admitted } else { Verdict::Refused };
            assert!(matches!(status, 200 | 401 | 403), "{status}");
            let ended = self.began.elapsed();
            self.requests.borrow_mut().push(Observed { subject: number, verdict, replica, started, ended });
        }
    }

    /// Changes every second subject at random replicas; another admin changes the others, so that changes of one subject do not overlap.
    async fn admin(&self, own: usize, mut random: Random) {
        let token = self.fleet.admin();
        let mut admitted = [true; SUBJECTS];
        while !self.is_over() {
            // Most changes affect half of the subjects, so that the others stay unchanged for longer than any bound.
            let among = if random.below(8) == 0 { SUBJECTS / 2 } else { SUBJECTS / 4 };
            let (number, replica) = (random.below(among) * 2 + own, random.below(2));
            let subject = &self.subjects[number];
            // A revocation is final.
            if matches!(subject.act, Action::Tokens) && (!admitted[number] || random.below(8) > 0) {
                portcullis::actix_web::rt::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            let is_admitted = !admitted[number];
            let requested = self.began.elapsed();
            if self.is_silent {
                self.change_silently(subject, is_admitted);
            } else {
                change(self.fleet.replica(replica), subject, is_admitted, &token).await;
            }
            let acknowledged = self.began.elapsed();
            if is_admitted {
                // A user who is admitted again has a new token. A token of this second could be as old as the change that refused it.
                let in_two_seconds = chrono::Utc::now().timestamp() + 2;
                subject.token.replace(self.fleet.token(&subject.name).claim("iat", in_two_seconds).sign());
            }
            admitted[number] = is_admitted;
            let due = if is_admitted { Verdict::Admitted } else { Verdict::Refused };
            // A change without a notification was made at neither replica.
            let replica = if self.is_silent { usize::MAX } else { replica };
            self.changes.borrow_mut().push(Change { subject: number, due, replica, requested, acknowledged });
            let pause = if self.is_silent { 1500 } else { 5 + random.below(60) };
            portcullis::actix_web::rt::time::sleep(Duration::from_millis(pause as u64)).await;
        }
    }

    /// Changes the subject as another replica would, but without the notification.
    fn change_silently(&self, subject: &Subject, is_admitted: bool) {
        let id = &subject.id;
        let now = "timezone('UTC', clock_timestamp())";
        let set = match subject.act {
            Action::Tokens => format!("not_before = {now} + interval '1 hour'"),
            _ if is_admitted => "status = 'active', disabled_by = NULL".to_owned(),
            _ => "status = 'disabled', disabled_by = 'admin'".to_owned(),
        };
        let sql = format!("UPDATE principals SET {set}, version = version + 1, changed_at = {now} WHERE id = '{id}'");
        self.fleet.database.execute(&sql);
    }

    /// Checks the history and prints its figures.
    fn check(self, what: &str, seed: u64, bound: Bound) -> Counted {
        let (changes, requests) = (self.changes.into_inner(), self.requests.into_inner());
        let admitted = requests.iter().filter(|request| request.verdict == Verdict::Admitted).count();
        let mut lags = lags(&changes, &requests);
        lags.sort();
        let at = |percent: usize| lags.get((lags.len() * percent / 100).min(lags.len().saturating_sub(1)));
        let violations = violations(&changes, &requests, bound);
        let late = late_changes(&changes, &requests);
        println!(
            "{what}: seed {seed}, {} requests ({admitted} admitted, {} refused), {} changes acknowledged, {} responses behind a change \
             (p50 {:?}, p99 {:?}, longest {:?}), {late} changes effective after more than {NOTIFICATION:?}, {} responses beyond {:?}",
            requests.len(),
            requests.len() - admitted,
            changes.len(),
            lags.len(),
            at(50),
            at(99),
            lags.last(),
            violations.len(),
            bound.elsewhere,
        );
        assert!(admitted > 100 && requests.len() - admitted > 100 && changes.len() >= 16, "the history is too short");
        let forbidden = violations.iter().filter(|violation| violation.request.verdict == Verdict::Admitted);
        let first: Vec<_> = forbidden.take(3).collect();
        assert!(first.is_empty(), "seed {seed}: {first:#?}");
        Counted { changes: changes.len(), late }
    }
}

/// The figures of a history.
struct Counted {
    changes: usize,
    /// Changes despite which a request was admitted more than [`NOTIFICATION`] after their acknowledgement by the other replica.
    late: usize,
}

/// The number of changes that took effect at the other replica only after the time of a notification.
fn late_changes(changes: &[Change], requests: &[Observed]) -> usize {
    let found = violations(changes, requests, Bound { elsewhere: NOTIFICATION }).into_iter();
    let admitted = found.filter(|violation| violation.request.verdict == Verdict::Admitted);
    admitted.map(|violation| (violation.change.subject, violation.change.acknowledged)).collect::<BTreeSet<_>>().len()
}

async fn change(replica: &Replica, subject: &Subject, is_admitted: bool, admin: &str) {
    let post = async |action: &str| {
        let reply = replica.post(&format!("{USERS}/{}/{action}", subject.id), admin, json!({})).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
    };
    match subject.act {
        Action::Account if is_admitted => post("enable").await,
        Action::Account => post("disable").await,
        Action::Tokens => post("revoke").await,
        Action::Role => {
            let reply = replica.grant(&subject.id, "auditor", admin, is_admitted).await;
            assert!(reply.status() < 300, "{}", reply.text());
        }
    }
}

async fn run(fleet: &Fleet, seed: u64, is_silent: bool) -> Run<'_> {
    let run = Run::prepare(fleet, is_silent).await;
    let clients = join_all((0..CLIENTS).map(|number| run.client(Random(seed ^ (number as u64) << 32))));
    let admins = join_all((0..2).map(|own| run.admin(own, Random(!seed ^ own as u64))));
    join(clients, admins).await;
    run
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn no_request_is_admitted_after_an_acknowledged_refusal_and_the_time_of_a_notification() {
    let (fleet, seed) = (Fleet::start(2, Way::Proxy, &[]).await, seed());
    // No notification is lost, so the bound is far above the slowest.
    let bound = Bound { elsewhere: Duration::from_secs(1) };
    let Counted { changes, late } = run(&fleet, seed, false).await.check("notifications", seed, bound);
    assert!(late <= 1 + changes / 100, "{late} of {changes}");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn no_request_is_admitted_5_seconds_after_a_refusal_without_a_notification() {
    let (fleet, seed) = (Fleet::start(2, Way::Proxy, &[]).await, seed());
    let bound = Bound { elsewhere: Duration::from_secs(5) };
    let Counted { late, .. } = run(&fleet, seed, true).await.check("lost notifications", seed, bound);
    assert!(
        late > 0,
        "without notifications some change must take longer than a notification; otherwise the checker proves nothing"
    );
}
