//! Continuous requests of every kind, and a count of their outcomes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use portcullis::actix_web::rt::{spawn, task::JoinHandle};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{Reply, TestApp, TestDatabase};

pub const ME: &str = "/api/v1/me";
pub const USERS: &str = "/api/v1/users";

/// The longest wait of a test, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// A kind of request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A public document.
    Public,
    /// The profile, with a token whose signature is invalid.
    BadToken,
    /// The profile of a known user.
    Known,
    /// The list of users, as administrator.
    List,
    /// The profile of a new user each time.
    Newcomer,
    /// Creation of a user, as administrator.
    Write,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Public, Self::BadToken, Self::Known, Self::List, Self::Newcomer, Self::Write];
    /// Kinds answered without the database.
    pub const WITHOUT_DATABASE: [Self; 2] = [Self::Public, Self::BadToken];
    /// Kinds answered from a cache or by reads.
    pub const READS: [Self; 2] = [Self::Known, Self::List];
    /// Kinds that write.
    pub const WRITES: [Self; 2] = [Self::Newcomer, Self::Write];

    /// The number of concurrent clients. Requests without the database are fast: two such clients would starve the others.
    fn clients(self) -> usize {
        if Self::WITHOUT_DATABASE.contains(&self) { 1 } else { 2 }
    }

    fn is_answer(self, reply: &Reply) -> bool {
        let expected = match self {
            Self::BadToken => (401, Some("invalid_token".to_owned())),
            Self::Write => (201, None),
            _ => (200, None),
        };
        (reply.status(), reply.challenge_parameter("error")) == expected
    }

    fn is_refusal(self, reply: &Reply) -> bool {
        !Self::WITHOUT_DATABASE.contains(&self)
            && reply.status() == 503
            && reply.problem() == "database-unavailable"
            && reply.header("retry-after").is_some()
            && reply.challenge().is_none()
    }

    async fn ask(self, app: &TestApp, tokens: &Tokens, name: &str) -> Reply {
        match self {
            Self::Public => app.get_without_token("/.well-known/oauth-protected-resource").await,
            Self::BadToken => app.get(ME, &tokens.forged).await,
            Self::Known => app.get(ME, &tokens.known).await,
            Self::List => app.get(&format!("{USERS}?limit=1"), &tokens.admin).await,
            Self::Newcomer => app.get(ME, &app.token(name).sign()).await,
            Self::Write => app.post(USERS, &tokens.admin, new_user(app.idp.url(), name)).await,
        }
    }
}

/// Tokens signed once for all requests.
struct Tokens {
    admin: String,
    known: String,
    /// Valid apart from its signature.
    forged: String,
}

impl Tokens {
    fn of(app: &TestApp) -> Self {
        let (known, other) = (app.token("bob").sign(), app.token("bob").claim("nickname", "other").sign());
        let ((signed, _), (_, signature)) = (known.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
        let forged = format!("{signed}.{signature}");
        Self { admin: app.admin(), known, forged }
    }
}

/// The outcomes of requests of one kind.
#[derive(Clone, Default, Debug)]
struct Counts {
    answered: usize,
    /// Answered 503 with Retry-After and without a challenge.
    refused: usize,
    wrong: Vec<String>,
}

/// All outcomes so far.
#[derive(Clone, Default)]
struct Counters {
    counts: BTreeMap<Kind, Counts>,
    /// The ids of the users whose creation was acknowledged.
    acknowledged: Vec<String>,
}

impl Counters {
    fn note(&mut self, kind: Kind, reply: &Reply) {
        let counts = self.counts.entry(kind).or_default();
        if kind.is_answer(reply) {
            counts.answered += 1;
            if Kind::WRITES.contains(&kind) {
                self.acknowledged.push(reply.json()["id"].as_str().unwrap().to_owned());
            }
        } else if kind.is_refusal(reply) {
            counts.refused += 1;
        } else {
            counts.wrong.push(format!("{} {}", reply.status(), reply.text()));
        }
    }

    fn of(&self, kind: Kind) -> Counts {
        self.counts.get(&kind).cloned().unwrap_or_default()
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, Counts { answered, refused, wrong }) in &self.counts {
            write!(
                f,
                "\n  {:<9} {answered:>6} answered {refused:>5} refused with 503 {:>3} wrong",
                format!("{kind:?}"),
                wrong.len()
            )?;
            if let Some(first) = wrong.first() {
                write!(f, ", such as {first}")?;
            }
        }
        Ok(())
    }
}

/// Clients that send requests until they are stopped.
pub struct Load {
    app: Rc<TestApp>,
    is_running: Rc<Cell<bool>>,
    tally: Rc<watch::Sender<Counters>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Provisions bob and the administrator alice, and starts the clients.
    pub async fn on(app: TestApp) -> Self {
        app.introduce("bob").await;
        app.introduce("alice").await;
        let (app, is_running, tally) = (Rc::new(app), Rc::new(Cell::new(true)), Rc::new(watch::Sender::default()));
        let tokens = Rc::new(Tokens::of(&app));
        let kinds = Kind::ALL.into_iter().flat_map(|kind| (0..kind.clients()).map(move |client| (kind, client)));
        let clients = kinds.map(|(kind, client)| {
            let (app, tokens) = (Rc::clone(&app), Rc::clone(&tokens));
            let (is_running, tally) = (Rc::clone(&is_running), Rc::clone(&tally));
            spawn(async move {
                for number in 0.. {
                    if !is_running.get() {
                        return;
                    }
                    let reply = kind.ask(&app, &tokens, &format!("{kind:?}-{client}-{number}")).await;
                    tally.send_modify(|tally: &mut Counters| tally.note(kind, &reply));
                }
            })
        });
        let clients = clients.collect();
        Self { app, is_running, tally, clients }
    }

    pub fn app(&self) -> &TestApp {
        &self.app
    }

    /// Returns once each of these kinds has been answered normally `count` times from now on.
    pub async fn answers(&self, kinds: impl IntoIterator<Item = Kind>, count: usize) {
        self.more(kinds, count, "answered", |counts| counts.answered).await;
    }

    /// As [`answers`](Self::answers), for all kinds.
    pub async fn answers_all(&self, count: usize) {
        self.answers(Kind::ALL, count).await;
    }

    /// Returns once each of these kinds has been refused with 503 `count` times from now on.
    pub async fn refuses(&self, kinds: impl IntoIterator<Item = Kind>, count: usize) {
        self.more(kinds, count, "refused", |counts| counts.refused).await;
    }

    async fn more(
        &self,
        kinds: impl IntoIterator<Item = Kind>,
        count: usize,
        what: &str,
        how_many: fn(&Counts) -> usize,
    ) {
        let before = self.tally.borrow().clone();
        let awaited: Vec<_> = kinds.into_iter().map(|kind| (kind, how_many(&before.of(kind)) + count)).collect();
        let mut tally = self.tally.subscribe();
        let all = tally.wait_for(|now| awaited.iter().all(|(kind, until)| how_many(&now.of(*kind)) >= *until));
        if timeout(DEADLINE, all).await.is_err() {
            panic!("{awaited:?} were not {what} within {DEADLINE:?}: {}", *self.tally.borrow());
        }
    }

    /// Stops the clients, prints the outcomes, and compares them with the database.
    pub async fn end(self, fault: &str) {
        self.is_running.set(false);
        for client in self.clients {
            timeout(DEADLINE, client).await.expect("a request was not answered").unwrap();
        }
        let tally = self.tally.borrow().clone();
        let (lost, halves) = (lost(self.app.database(), &tally.acknowledged), halves(self.app.database()));
        let made = tally.acknowledged.len();
        println!("{fault}: {made} writes acknowledged, {lost} lost, {halves} half writes{tally}");
        let wrong: usize = tally.counts.values().map(|counts| counts.wrong.len()).sum();
        assert_eq!((wrong, lost, halves), (0, 0, 0), "{fault}");
    }
}

/// The body of a request that creates a user.
pub fn new_user(issuer: &str, subject: &str) -> Value {
    json!({ "identities": [{ "issuer": issuer, "subject": subject }], "display_name": subject })
}

/// The number of these users that are missing.
pub fn lost(database: &TestDatabase, ids: &[String]) -> usize {
    let there: i64 =
        ids.chunks(500).map(|ids| database.count(&format!("principals WHERE id IN ('{}')", ids.join("','")))).sum();
    ids.len() - usize::try_from(there).unwrap()
}

/// The number of users without the rows that are written with them, and of such rows without a user.
pub fn halves(database: &TestDatabase) -> i64 {
    let lacks = |what: &str| format!("principals AS p WHERE NOT EXISTS (SELECT 1 FROM {what} = p.id)");
    let halves = [
        lacks("identities AS i WHERE i.principal_id"),
        lacks("role_grants AS g WHERE g.principal_id"),
        lacks("audit_events AS a WHERE a.target"),
        "audit_events AS a WHERE action = 'user.create' AND NOT EXISTS (SELECT 1 FROM principals AS p WHERE p.id = a.target)".to_owned(),
    ];
    halves.iter().map(|half| database.count(half)).sum()
}
