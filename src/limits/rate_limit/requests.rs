//! The request budget of a principal, refilled evenly over a minute (GCRA).

use std::convert::Infallible;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter, clock};
use quick_cache::sync::Cache;

use super::window::{CLIENTS, WINDOW, whole_seconds};
use crate::Clock;
use crate::error::Limited;
use crate::models::PrincipalId;
use crate::services::{ResolvedPrincipal, Tally};

/// The request budgets of all principals.
pub(crate) struct RequestBudget {
    quota: NonZeroU32,
    limiter: RateLimiter<Arc<ResolvedPrincipal>, UsedByPrincipals, Ticks, NoOpMiddleware<Tick>>,
}

impl RequestBudget {
    /// Creates budgets of `quota` requests a minute.
    pub(crate) fn new(quota: NonZeroU32, clock: &Clock) -> Self {
        let used = UsedByPrincipals::default();
        Self { quota, limiter: RateLimiter::new(Quota::per_minute(quota), used, Ticks(clock.clone())) }
    }

    /// Takes one request from the budget of the principal. Fails if the budget is exhausted.
    pub(crate) fn take(&self, principal: &Arc<ResolvedPrincipal>) -> Result<(), Limited> {
        self.limiter.check_key(principal).map_err(|refused| {
            let wait = refused.wait_time_from(clock::Clock::now(self.limiter.clock()));
            Limited { budget: "principal", quota: self.quota.get(), window: WINDOW, wait: whole_seconds(wait) }
        })
    }
}

/// The used part of each client's budget.
struct Used<K> {
    tallies: Cache<K, Tally>,
    next: Mutex<Tally>,
}

impl<K: Hash + Eq> Default for Used<K> {
    fn default() -> Self {
        Self { tallies: Cache::new(CLIENTS), next: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone> Used<K> {
    fn of(&self, client: &K) -> Tally {
        let fresh = || Ok::<_, Infallible>(self.next.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Ok(tally) = self.tallies.get_or_insert_with(client, fresh);
        tally
    }
}

impl<K: Hash + Eq + Clone> StateStore for Used<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.of(key).state().measure_and_replace(&NotKeyed::NonKey, f)
    }
}

/// The used part of each principal's budget. A cached principal holds a direct reference to it.
#[derive(Default)]
struct UsedByPrincipals(Used<PrincipalId>);

impl StateStore for UsedByPrincipals {
    type Key = Arc<ResolvedPrincipal>;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let tally = key.tally().get_or_init(|| self.0.of(key.id()));
        tally.state().measure_and_replace(&NotKeyed::NonKey, f)
    }
}

/// An adapter of [`Clock`] for the rate limiter.
struct Ticks(Clock);

/// Nanoseconds of a monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tick(u64);

impl clock::Clock for Ticks {
    type Instant = Tick;

    fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.steady().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Add<Nanos> for Tick {
    type Output = Self;

    fn add(self, nanos: Nanos) -> Self {
        Self(self.0.saturating_add(nanos.as_u64()))
    }
}

impl clock::Reference for Tick {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Duration::from_nanos(self.0.saturating_sub(earlier.0)).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_kept_principals_is_bounded() {
        let used = Used::default();
        (0..CLIENTS * 2).for_each(|number| drop(used.of(&number)));
        assert!(used.tallies.len() <= CLIENTS);
    }
}
