//! How often a person may edit their own profile.
//!
//! An edit of a name rewrites every term that the person is found by, up to 128 rows, on SQLite in the one transaction that writes. The
//! budget of requests is made for reads, so edits have one of their own, refilled evenly over an hour (GCRA).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;

use crate::Clock;
use crate::error::{Error, Limited};
use crate::models::PrincipalId;

/// How many people are remembered; those not seen for longest are forgotten first, with what they had used up.
const PEOPLE: usize = 10_000;
/// In which a budget is refilled.
const WINDOW: Duration = Duration::from_secs(3600);

/// The budget of each person's edits.
pub(crate) struct EditBudget {
    /// `None` for no limit.
    quota: Option<NonZeroU32>,
    clock: Clock,
    /// When each person's budget is full again.
    full_at: Mutex<Cache<PrincipalId, Duration>>,
}

impl EditBudget {
    /// So many edits an hour for each person; `None` for no limit.
    pub(crate) fn new(quota: Option<NonZeroU32>, clock: Clock) -> Self {
        Self { quota, clock, full_at: Mutex::new(Cache::new(PEOPLE)) }
    }

    /// Takes one edit from the person's budget; fails with how long to wait where there is none left.
    pub(crate) fn take(&self, person: &PrincipalId) -> Result<(), Error> {
        let Some(quota) = self.quota else { return Ok(()) };
        let now = self.clock.steady();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full_at.get(person).map_or(now, |time| now.max(*time)) + WINDOW / quota.get();
        match after.checked_sub(now + WINDOW) {
            Some(wait) if !wait.is_zero() => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let window = u32::try_from(WINDOW.as_secs()).unwrap_or(u32::MAX);
                Err(Error::RateLimited(Limited { budget: "profile-edits", quota: quota.get(), window, wait: seconds }))
            }
            _ => {
                full_at.insert(*person, after);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn wait(budget: &EditBudget, person: &PrincipalId) -> Option<u64> {
        match budget.take(person) {
            Ok(()) => None,
            Err(Error::RateLimited(limited)) => Some(limited.wait),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn budget_is_spent_at_once_and_refilled_evenly() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let budget = EditBudget::new(NonZeroU32::new(3), clock.clone());
        let (person, other) = (PrincipalId::generate(), PrincipalId::generate());
        for _ in 0..3 {
            assert_eq!(wait(&budget, &person), None);
        }
        assert_eq!(wait(&budget, &person), Some(1200));
        assert_eq!(wait(&budget, &other), None, "each has their own");
        clock.advance(Duration::from_millis(1_199_001));
        assert_eq!(wait(&budget, &person), Some(1), "rounded up");
        clock.advance(Duration::from_secs(1));
        assert_eq!(wait(&budget, &person), None);
        clock.advance(Duration::from_secs(86_400));
        for _ in 0..3 {
            assert_eq!(wait(&budget, &person), None, "no more than the budget is saved up");
        }
        assert_eq!(wait(&budget, &person), Some(1200));
    }

    #[test]
    fn no_quota_is_no_limit() {
        let budget = EditBudget::new(None, Clock::manual(DateTime::UNIX_EPOCH));
        let person = PrincipalId::generate();
        assert!((0..100).all(|_| wait(&budget, &person).is_none()));
    }
}
