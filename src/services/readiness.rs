//! Whether the service can do its work, part by part: what the probes of whoever runs it are told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::Clock;
use crate::database::Database;
use crate::oidc::{KeySetCondition, TrustedIssuers};

/// Looks at what the service needs. However many ask, one looks at a time, and whoever came before it began shares what it saw: probes
/// that anyone can send cost the database one reader at the most.
pub struct ReadinessService {
    database: Database,
    issuers: TrustedIssuers,
    clock: Clock,
    /// The migrations that this program started with.
    migrations: BTreeSet<String>,
    stopping: AtomicBool,
    begun: AtomicU64,
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    /// The latest look, by its number.
    look: Option<(u64, Arc<Vec<Part>>)>,
    /// In which state each part was seen last, and since when.
    states: HashMap<PartKey, State>,
}

/// A part's name, and whose it is.
type PartKey = (&'static str, Option<String>);
/// A state, and since when it was seen.
type State = (&'static str, DateTime<Utc>);

/// One thing that the service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `database`, `key_set`, `migrations` or `server`.
    pub name: &'static str,
    /// Whose key set it is: the issuer's short name.
    pub issuer: Option<String>,
    /// Whether the service can do its work as far as this goes.
    pub is_good: bool,
    /// In one word.
    pub state: &'static str,
    /// Seconds since it was first seen in this state.
    pub age_seconds: u64,
    /// Of a key set: when the keys at hand were fetched.
    pub fetched_at: Option<DateTime<Utc>>,
}

impl Part {
    fn new(name: &'static str, is_good: bool, state: &'static str) -> Self {
        Self { name, issuer: None, is_good, state, age_seconds: 0, fetched_at: None }
    }
}

impl ReadinessService {
    /// Looks at these; `migrations` are the versions that the database has to have.
    pub fn new(database: Database, issuers: TrustedIssuers, clock: Clock, migrations: BTreeSet<String>) -> Self {
        let (stopping, begun, latest) = Default::default();
        Self { database, issuers, clock, migrations, stopping, begun, latest }
    }

    /// From now on the service is not ready: it has been told to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it has been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether each issuer's keys were asked for at least once, well or not: a provider that is down does not keep a start from ending.
    pub fn has_started(&self) -> bool {
        self.issuers.key_states().iter().all(|(_, keys)| keys.attempts > 0)
    }

    /// Every part, as it is now.
    pub async fn parts(&self) -> Arc<Vec<Part>> {
        let seen = self.begun.load(Ordering::Acquire);
        let mut latest = self.latest.lock().await;
        if let Some((number, look)) = &latest.look
            && *number > seen
        {
            return Arc::clone(look);
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let mut parts = self.look().await;
        latest.date(&mut parts, self.clock.now());
        let parts = Arc::new(parts);
        latest.look = Some((number, Arc::clone(&parts)));
        parts
    }

    async fn look(&self) -> Vec<Part> {
        let applied = self.database.applied_versions().await;
        let database = match &applied {
            Ok(_) => Part::new("database", true, "reachable"),
            Err(_) => Part::new("database", false, "unreachable"),
        };
        let migrations = match &applied {
            Ok(applied) => self.migrations_of(applied),
            Err(_) => Part::new("migrations", false, "unknown"),
        };
        let server = match self.is_stopping() {
            false => Part::new("server", true, "serving"),
            true => Part::new("server", false, "stopping"),
        };
        let mut parts = vec![database];
        parts.extend(self.issuers.key_states().into_iter().map(|(issuer, keys)| {
            let (is_good, state) = match keys.condition {
                KeySetCondition::Fresh => (true, "fresh"),
                // Good keys still verify; the next rotation would be missed.
                KeySetCondition::Stale => (true, "stale"),
                KeySetCondition::Closed => (false, "closed"),
                KeySetCondition::Empty => (false, "empty"),
            };
            Part { issuer: Some(issuer), fetched_at: keys.fetched_at, ..Part::new("key_set", is_good, state) }
        }));
        parts.extend([migrations, server]);
        parts
    }

    fn migrations_of(&self, applied: &BTreeSet<String>) -> Part {
        if !self.migrations.is_subset(applied) {
            return Part::new("migrations", false, "behind");
        }
        // A newer program has migrated it while this one still serves, as it should during a deployment.
        let state = if applied.len() == self.migrations.len() { "current" } else { "ahead" };
        Part::new("migrations", true, state)
    }
}

impl Latest {
    /// Says of each part how long it has been as it is, and remembers that.
    fn date(&mut self, parts: &mut [Part], now: DateTime<Utc>) {
        let mut states = HashMap::new();
        for part in parts {
            let key = (part.name, part.issuer.clone());
            let before = self.states.get(&key).filter(|(state, _)| *state == part.state);
            let since = before.map_or(now, |(_, since)| *since);
            part.age_seconds = u64::try_from((now - since).num_seconds()).unwrap_or(0);
            states.insert(key, (part.state, since));
        }
        self.states = states;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;
    use crate::oidc::{IntrospectionClient, ProviderClient};

    fn readiness(database: &Database, clock: &Clock, migrations: &[&str]) -> ReadinessService {
        let client = IntrospectionClient::new(ProviderClient::new().unwrap(), clock.clone()).unwrap();
        let migrations = migrations.iter().map(|version| (*version).to_owned()).collect();
        ReadinessService::new(database.clone(), TrustedIssuers::new([], client), clock.clone(), migrations)
    }

    async fn part(readiness: &ReadinessService, name: &str) -> (bool, &'static str, u64) {
        let parts = readiness.parts().await;
        let part = parts.iter().find(|part| part.name == name).unwrap();
        (part.is_good, part.state, part.age_seconds)
    }

    #[tokio::test]
    async fn migrations_are_compared_with_those_that_the_program_started_with() {
        let (_folder, database) = Database::temporary();
        let clock = Clock::system();
        let applied = database.applied_versions().await.unwrap();
        let mut known: Vec<&str> = applied.iter().map(String::as_str).collect();
        assert_eq!(part(&readiness(&database, &clock, &known), "migrations").await, (true, "current", 0));
        known.push("99991231235959");
        assert_eq!(part(&readiness(&database, &clock, &known), "migrations").await, (false, "behind", 0));
        assert_eq!(part(&readiness(&database, &clock, &[]), "migrations").await, (true, "ahead", 0));
    }

    #[tokio::test]
    async fn a_state_is_dated_from_when_it_was_first_seen() {
        let (_folder, database) = Database::temporary();
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let readiness = readiness(&database, &clock, &[]);
        assert_eq!(part(&readiness, "server").await, (true, "serving", 0));
        clock.advance(Duration::from_secs(90));
        assert_eq!(part(&readiness, "server").await, (true, "serving", 90));
        readiness.stop();
        assert_eq!(part(&readiness, "server").await, (false, "stopping", 0));
        clock.advance(Duration::from_secs(5));
        assert_eq!(part(&readiness, "server").await, (false, "stopping", 5));
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_a_look_and_whoever_comes_later_gets_a_new_one() {
        let (_folder, database) = Database::temporary();
        let readiness = readiness(&database, &Clock::system(), &[]);
        join_all((0..100).map(|_| readiness.parts())).await;
        let looks = readiness.begun.load(Ordering::Acquire);
        assert!(looks <= 2, "{looks} looks for 100 who asked at once");
        readiness.parts().await;
        assert_eq!(readiness.begun.load(Ordering::Acquire), looks + 1);
    }
}
