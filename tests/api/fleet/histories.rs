//! Random histories over two replicas: many clients ask while admins change who may, and the checker looks at what came of it.
//!
//! A failed run prints its seed; `PORTCULLIS_TEST_SEED` has it made again (the order in which threads run is the machine's own).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::json;

use super::history::{Asked, Bound, Change, Verdict, lags, violations};
use super::{ME, USERS};
use crate::support::fleet::{Fleet, Replica, Way};

const SUBJECTS: usize = 12;
const CLIENTS: usize = 16;
/// How long a run lasts with notices and without.
const LASTS: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(16)];

/// How long 99 of 100 notices take at the most (docs/scaling.md).
const NOTICE: Duration = Duration::from_millis(100);

/// What an admin does next to somebody.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Disables or enables.
    Account,
    /// Takes the role by which they read the list of users, or gives it.
    Role,
    /// Revokes all tokens; a new one has a subject of its own, for it could be as old as the revocation.
    Tokens,
}

/// A generator of random numbers that a seed decides (SplitMix64).
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

/// Somebody whose requests are watched. Each is changed in one way only, so that what a request is due is plain.
struct Subject {
    name: String,
    id: String,
    token: RefCell<String>,
    act: Act,
    path: &'static str,
}

struct Run<'a> {
    fleet: &'a Fleet,
    began: Instant,
    subjects: Vec<Subject>,
    is_silent: bool,
    changes: RefCell<Vec<Change>>,
    requests: RefCell<Vec<Asked>>,
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
                0 => (Act::Account, ME),
                1 => (Act::Role, USERS),
                _ => (Act::Tokens, ME),
            };
            if matches!(act, Act::Role) {
                assert!(fleet.replica(0).grant(&id, "auditor", &admin, true).await.status() < 300);
            }
            subjects.push(Subject { token: fleet.token(&name).sign().into(), name, id, act, path });
        }
        // Whatever was granted above is known everywhere.
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
        self.began.elapsed() > LASTS[usize::from(self.is_silent)]
    }

    /// Asks for random subjects at random replicas.
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
            self.requests.borrow_mut().push(Asked { subject: number, verdict, replica, started, ended });
        }
    }

    /// Changes every other subject by turns at random replicas: another admin has the others, so that no two changes of one overlap.
    async fn admin(&self, own: usize, mut random: Random) {
        let token = self.fleet.admin();
        let mut admitted = [true; SUBJECTS];
        while !self.is_over() {
            // Most changes are of half of them, so that the others stay as they are for longer than any bound.
            let among = if random.below(8) == 0 { SUBJECTS / 2 } else { SUBJECTS / 4 };
            let (number, replica) = (random.below(among) * 2 + own, random.below(2));
            let subject = &self.subjects[number];
            // What was revoked stays so.
            if matches!(subject.act, Act::Tokens) && (!admitted[number] || random.below(8) > 0) {
                portcullis::actix_web::rt::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            let is_admitted = !admitted[number];
            let asked = self.began.elapsed();
            if self.is_silent {
                self.change_silently(subject, is_admitted);
            } else {
                change(self.fleet.replica(replica), subject, is_admitted, &token).await;
            }
            let acknowledged = self.began.elapsed();
            if is_admitted {
                // Whoever comes back signs in anew. A token of this second could be as old as what shut them out.
                let in_two_seconds = chrono::Utc::now().timestamp() + 2;
                subject.token.replace(self.fleet.token(&subject.name).claim("iat", in_two_seconds).sign());
            }
            admitted[number] = is_admitted;
            let due = if is_admitted { Verdict::Admitted } else { Verdict::Refused };
            // What nobody was told of was made at neither replica.
            let replica = if self.is_silent { usize::MAX } else { replica };
            self.changes.borrow_mut().push(Change { subject: number, due, replica, asked, acknowledged });
            let pause = if self.is_silent { 1500 } else { 5 + random.below(60) };
            portcullis::actix_web::rt::time::sleep(Duration::from_millis(pause as u64)).await;
        }
    }

    /// As another replica would, but for the notice.
    fn change_silently(&self, subject: &Subject, is_admitted: bool) {
        let id = &subject.id;
        let now = "timezone('UTC', clock_timestamp())";
        let set = match subject.act {
            Act::Tokens => format!("not_before = {now} + interval '1 hour'"),
            _ if is_admitted => "status = 'active', disabled_by = NULL".to_owned(),
            _ => "status = 'disabled', disabled_by = 'admin'".to_owned(),
        };
        let sql = format!("UPDATE principals SET {set}, version = version + 1, changed_at = {now} WHERE id = '{id}'");
        self.fleet.database.execute(&sql);
    }

    /// Looks at what came of it, and prints what was counted.
    fn check(self, what: &str, seed: u64, bound: Bound) -> Counted {
        let (changes, requests) = (self.changes.into_inner(), self.requests.into_inner());
        let admitted = requests.iter().filter(|asked| asked.verdict == Verdict::Admitted).count();
        let mut lags = lags(&changes, &requests);
        lags.sort();
        let at = |percent: usize| lags.get((lags.len() * percent / 100).min(lags.len().saturating_sub(1)));
        let found = violations(&changes, &requests, bound);
        let late = late_changes(&changes, &requests);
        println!(
            "{what}: seed {seed}, {} requests ({admitted} admitted, {} refused), {} changes acknowledged, {} answers behind a change \
             (p50 {:?}, p99 {:?}, longest {:?}), {late} changes known after more than {NOTICE:?}, {} answers beyond {:?}",
            requests.len(),
            requests.len() - admitted,
            changes.len(),
            lags.len(),
            at(50),
            at(99),
            lags.last(),
            found.len(),
            bound.elsewhere,
        );
        assert!(admitted > 100 && requests.len() - admitted > 100 && changes.len() >= 16, "the history says little");
        let forbidden = found.iter().filter(|violation| violation.asked.verdict == Verdict::Admitted);
        let first: Vec<_> = forbidden.take(3).collect();
        assert!(first.is_empty(), "seed {seed}: {first:#?}");
        Counted { changes: changes.len(), late }
    }
}

/// What a history has.
struct Counted {
    changes: usize,
    /// Of these, how many somebody was admitted in spite of, more than [`NOTICE`] after they had been acknowledged elsewhere.
    late: usize,
}

/// How many changes were known elsewhere only after the time that a notice takes.
fn late_changes(changes: &[Change], requests: &[Asked]) -> usize {
    let found = violations(changes, requests, Bound { elsewhere: NOTICE }).into_iter();
    let admitted = found.filter(|violation| violation.asked.verdict == Verdict::Admitted);
    admitted.map(|violation| (violation.change.subject, violation.change.acknowledged)).collect::<BTreeSet<_>>().len()
}

async fn change(replica: &Replica, subject: &Subject, is_admitted: bool, admin: &str) {
    let post = async |action: &str| {
        let reply = replica.post(&format!("{USERS}/{}/{action}", subject.id), admin, json!({})).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
    };
    match subject.act {
        Act::Account if is_admitted => post("enable").await,
        Act::Account => post("disable").await,
        Act::Tokens => post("revoke").await,
        Act::Role => {
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
async fn no_request_is_admitted_after_an_acknowledged_refusal_and_the_time_that_a_notice_takes() {
    let (fleet, seed) = (Fleet::start(2, Way::Proxy, &[]).await, seed());
    // No notice is lost, so this is far more than the slowest takes.
    let bound = Bound { elsewhere: Duration::from_secs(1) };
    let Counted { changes, late } = run(&fleet, seed, false).await.check("notices", seed, bound);
    assert!(late <= 1 + changes / 100, "{late} of {changes}");
}

#[actix_web::test]
#[ignore = "needs PostgreSQL and PgBouncer: scripts/test runs it"]
async fn no_request_is_admitted_5_seconds_after_a_refusal_of_which_no_notice_tells() {
    let (fleet, seed) = (Fleet::start(2, Way::Proxy, &[]).await, seed());
    let bound = Bound { elsewhere: Duration::from_secs(5) };
    let Counted { late, .. } = run(&fleet, seed, true).await.check("lost notices", seed, bound);
    assert!(
        late > 0,
        "held to the time that a notice takes, this history breaks it: so the checker would have found one"
    );
}
