//! The request budget of a principal, refilled evenly over a minute (GCRA).

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter, clock};
use quick_cache::sync::Cache;

use super::window::{CLIENTS, WINDOW, whole_seconds};
use crate::Clock;
use crate::error::Limited;
use crate::models::PrincipalId;

/// The request budgets of all principals.
pub(crate) struct RequestBudget {
    quota: NonZeroU32,
    limiter: RateLimiter<Used, InKey, Ticks, NoOpMiddleware<Tick>>,
    states: Cache<PrincipalId, Used>,
}

/// The used part of a principal's budget. Compared by address.
#[derive(Clone, Default)]
pub(crate) struct Used(Arc<InMemoryState>);

impl RequestBudget {
    /// Creates budgets of `quota` requests a minute.
    pub(crate) fn new(quota: NonZeroU32, clock: &Clock) -> Self {
        let limiter = RateLimiter::new(Quota::per_minute(quota), InKey, Ticks(clock.clone()));
        Self { quota, limiter, states: Cache::new(CLIENTS) }
    }

    /// The used part of a principal's budget.
    pub(crate) fn state_of(&self, principal: &PrincipalId) -> Used {
        let Ok(state) = self.states.get_or_insert_with(principal, || Ok::<_, Infallible>(Used::default()));
        state
    }

    /// Takes one request from this budget. Fails if it is exhausted.
    pub(crate) fn take(&self, state: &Used) -> Result<(), Limited> {
        self.limiter.check_key(state).map_err(|refused| {
            let wait = refused.wait_time_from(clock::Clock::now(self.limiter.clock()));
            Limited { budget: "principal", quota: self.quota.get(), window: WINDOW, wait: whole_seconds(wait) }
        })
    }
}

impl PartialEq for Used {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Used {}

impl Hash for Used {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// The store of the rate limiter: each key is the state itself, so that a cached caller needs no lookup.
struct InKey;

impl StateStore for InKey {
    type Key = Used;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        key.0.measure_and_replace(&NotKeyed::NonKey, f)
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
        let budget = RequestBudget::new(NonZeroU32::MIN, &Clock::system());
        (0..2 * CLIENTS).for_each(|_| drop(budget.state_of(&PrincipalId::generate())));
        assert!(budget.states.len() <= CLIENTS);
    }

    #[test]
    fn each_principal_has_one_budget_of_its_own() {
        let budget = RequestBudget::new(NonZeroU32::MIN, &Clock::manual(chrono::DateTime::UNIX_EPOCH));
        let (one, other) = (PrincipalId::generate(), PrincipalId::generate());
        let states = [one, other, one].map(|principal| budget.state_of(&principal));
        assert_eq!(states.each_ref().map(|state| budget.take(state).is_ok()), [true, true, false]);
    }
}
