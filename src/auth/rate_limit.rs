//! How often a client may ask.
//!
//! Two budgets, each refilled evenly over a minute (GCRA). One is of an address, and only credentials that turn out wrong take from it:
//! so whoever shares an address with an attacker is served as before, and a refused guess is answered 429 once there were too many. The
//! other is of a principal, and every request takes from it. Both remember a bounded number of clients; those not seen for longest
//! are forgotten first, with what they had used up.

use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter, clock};
use quick_cache::sync::Cache;

use super::client_address::TrustedProxies;
use crate::Clock;
use crate::error::{Error, Limited};
use crate::models::PrincipalId;
use crate::services::{ResolvedPrincipal, Tally};

/// How many clients each budget remembers.
const CLIENTS: usize = 100_000;
/// Seconds in which a budget is refilled.
const WINDOW: u32 = 60;

/// The budgets of a service.
pub(crate) struct RateLimits {
    failures: Option<Budget<Used<IpAddr>>>,
    requests: Option<Budget<UsedByPrincipals>>,
    proxies: Arc<TrustedProxies>,
}

impl RateLimits {
    /// Budgets of so many a minute; `None` for no end.
    pub(crate) fn new(
        failures: Option<NonZeroU32>,
        requests: Option<NonZeroU32>,
        proxies: Arc<TrustedProxies>,
        clock: &Clock,
    ) -> Self {
        Self {
            failures: failures.map(|quota| Budget::new("address", quota, Used::default(), clock)),
            requests: requests.map(|quota| Budget::new("principal", quota, UsedByPrincipals::default(), clock)),
            proxies,
        }
    }

    /// What a request whose credential was refused is answered: why, or that its address has sent too many such.
    pub(super) fn after_refusal(&self, request: &ServiceRequest, refusal: Error) -> Error {
        let Some(failures) = self.failures.as_ref().filter(|_| refusal.is_wrong_credential()) else { return refusal };
        let Some(client) = self.proxies.client_of(request) else { return refusal };
        failures.take(&block(client)).err().map_or(refusal, Error::RateLimited)
    }

    /// The address that stands for the client of this request, as the budgets count it; `None` where the connection has none.
    pub(super) fn client_of(&self, request: &ServiceRequest) -> Option<IpAddr> {
        self.proxies.client_of(request).map(block)
    }

    /// Takes one request from the principal's budget.
    pub(super) fn take(&self, principal: &Arc<ResolvedPrincipal>) -> Result<(), Error> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests.take(principal).map_err(Error::RateLimited)
    }
}

/// Whom an address stands for: one network of IPv6 is one customer's, who can take any address in it.
fn block(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// One budget for each client.
struct Budget<S: StateStore> {
    name: &'static str,
    quota: NonZeroU32,
    limiter: RateLimiter<S::Key, S, Ticks, NoOpMiddleware<Tick>>,
}

impl<S: StateStore<Key: Hash + Eq + Clone>> Budget<S> {
    fn new(name: &'static str, quota: NonZeroU32, used: S, clock: &Clock) -> Self {
        let limiter = RateLimiter::new(Quota::per_minute(quota), used, Ticks(clock.clone()));
        Self { name, quota, limiter }
    }

    fn take(&self, client: &S::Key) -> Result<(), Limited> {
        self.limiter.check_key(client).map_err(|refused| {
            let wait = refused.wait_time_from(clock::Clock::now(self.limiter.clock()));
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Limited { budget: self.name, quota: self.quota.get(), window: WINDOW, wait: seconds.max(1) }
        })
    }
}

/// What each client has used up.
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

/// What each principal has used up, which whoever is remembered leads to straight.
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

/// Our clock, as the limiter reads it.
struct Ticks(Clock);

/// Nanoseconds on a clock that never goes back.
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
    use chrono::DateTime;

    use super::*;

    fn budget(quota: u32) -> (Budget<Used<IpAddr>>, Clock) {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        (Budget::new("address", NonZeroU32::new(quota).unwrap(), Used::default(), &clock), clock)
    }

    fn taken(budget: &Budget<Used<IpAddr>>, client: &str) -> Result<(), u64> {
        budget.take(&block(client.parse().unwrap())).map_err(|limited| limited.wait)
    }

    #[test]
    fn a_budget_is_spent_at_once_and_refilled_evenly() {
        let (budget, clock) = budget(4);
        for _ in 0..4 {
            assert_eq!(taken(&budget, "192.0.2.7"), Ok(()));
        }
        assert_eq!(taken(&budget, "192.0.2.7"), Err(15));
        assert_eq!(taken(&budget, "192.0.2.8"), Ok(()), "another client has its own");
        clock.advance(Duration::from_millis(14_999));
        assert_eq!(taken(&budget, "192.0.2.7"), Err(1), "rounded up, never to nothing");
        clock.advance(Duration::from_millis(1));
        assert_eq!(taken(&budget, "192.0.2.7"), Ok(()));
        assert_eq!(taken(&budget, "192.0.2.7"), Err(15));
        clock.advance(Duration::from_secs(600));
        for _ in 0..4 {
            assert_eq!(taken(&budget, "192.0.2.7"), Ok(()), "no more than the budget is saved up");
        }
        assert_eq!(taken(&budget, "192.0.2.7"), Err(15));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let (budget, _clock) = budget(1);
        assert_eq!(taken(&budget, "2001:db8:1:2::1"), Ok(()));
        assert_eq!(taken(&budget, "2001:db8:1:2:ffff::9"), Err(60));
        assert_eq!(taken(&budget, "2001:db8:1:3::1"), Ok(()));
    }

    #[test]
    fn the_number_of_clients_that_are_remembered_is_bounded() {
        let (budget, _clock) = budget(1);
        for number in 0..u32::try_from(CLIENTS).unwrap() * 2 {
            assert!(budget.take(&IpAddr::from(number.to_be_bytes())).is_ok());
        }
        assert!(budget.limiter.into_state_store().tallies.len() <= CLIENTS);
    }
}
