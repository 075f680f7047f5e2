//! Readiness of the service, part by part: the source of the probes' answers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::Clock;
use crate::database::Database;
use crate::oidc::{KeySetCondition, TrustedIssuers};

/// Checks the parts that the service depends on. Checks run one at a time, and a caller that arrived before a check began shares its
/// result: public probes take at most one connection of the database.
pub struct ReadinessService {
    database: Database,
    issuers: TrustedIssuers,
    clock: Clock,
    /// The migrations of this build.
    migrations: BTreeSet<String>,
    stopping: AtomicBool,
    /// The number of checks that have begun.
    begun: AtomicU64,
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    /// The number and the result of the latest check.
    check: Option<(u64, Arc<Vec<Part>>)>,
    /// The last observed state of each part.
    states: HashMap<PartKey, State>,
}

/// A part's name and issuer.
type PartKey = (&'static str, Option<String>);
/// A state and the time at which it was first observed.
type State = (&'static str, DateTime<Utc>);

/// A part that the service depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `database`, `key_set`, `migrations` or `server`.
    pub name: &'static str,
    /// The short name of the issuer, for a key set.
    pub issuer: Option<String>,
    /// Whether this part is ready.
    pub is_good: bool,
    /// The state, in one word.
    pub state: &'static str,
    /// Seconds since this state was first observed.
    pub age_seconds: u64,
    /// When the current keys were fetched, for a key set.
    pub fetched_at: Option<DateTime<Utc>>,
}

impl Part {
    fn new(name: &'static str, is_good: bool, state: &'static str) -> Self {
        Self { name, issuer: None, is_good, state, age_seconds: 0, fetched_at: None }
    }
}

impl ReadinessService {
    /// A service over these parts. `migrations` are the versions that the database must have.
    pub fn new(database: Database, issuers: TrustedIssuers, clock: Clock, migrations: BTreeSet<String>) -> Self {
        let (stopping, begun, latest) = Default::default();
        Self { database, issuers, clock, migrations, stopping, begun, latest }
    }

    /// Marks the service as stopping: it is not ready from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the service is stopping.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether each issuer's keys were requested at least once, successfully or not: an unavailable provider does not block the start.
    pub fn has_started(&self) -> bool {
        self.issuers.key_states().iter().all(|(_, keys)| keys.attempts > 0)
    }

    /// The current state of every part.
    pub async fn parts(&self) -> Arc<Vec<Part>> {
        let begun_before = self.begun.load(Ordering::Acquire);
        let mut latest = self.latest.lock().await;
        if let Some((number, parts)) = &latest.check
            && *number > begun_before
        {
            return Arc::clone(parts);
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let mut parts = self.check().await;
        latest.set_ages(&mut parts, self.clock.now());
        let parts = Arc::new(parts);
        latest.check = Some((number, Arc::clone(&parts)));
        parts
    }

    async fn check(&self) -> Vec<Part> {
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
                // The keys still verify, but the next rotation would be missed.
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
        // During a deployment a newer build has migrated the database while this one still serves.
        let state = if applied.len() == self.migrations.len() { "current" } else { "ahead" };
        Part::new("migrations", true, state)
    }
}

impl Latest {
    /// Sets the age of each part's state, and records the states for the next check.
    fn set_ages(&mut self, parts: &mut [Part], now: DateTime<Utc>) {
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
    async fn applied_migrations_are_compared_with_those_of_the_build() {
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
    async fn age_of_a_state_counts_from_its_first_observation() {
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
    async fn concurrent_callers_share_a_check_and_a_later_caller_runs_a_new_one() {
        let (_folder, database) = Database::temporary();
        let readiness = readiness(&database, &Clock::system(), &[]);
        join_all((0..100).map(|_| readiness.parts())).await;
        let checks = readiness.begun.load(Ordering::Acquire);
        assert!(checks <= 2, "{checks} checks for 100 concurrent callers");
        readiness.parts().await;
        assert_eq!(readiness.begun.load(Ordering::Acquire), checks + 1);
    }
}
