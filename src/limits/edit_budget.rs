//! The rate limit of edits of a user's own profile.
//!
//! An edit of a name rewrites all search terms of the user, up to 128 rows, and SQLite allows one write transaction at a time. The request
//! budget is sized for reads, so edits have a separate budget, refilled evenly over an hour (GCRA).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;

use crate::Clock;
use crate::error::{Error, Limited};
use crate::models::PrincipalId;

/// The capacity of the budget cache. The budgets that were not used for longest are evicted first.
const USERS: usize = 10_000;
/// The time in which a budget is refilled.
const WINDOW: Duration = Duration::from_secs(3600);

/// The edit budgets of all users.
pub(crate) struct EditBudget {
    /// `None` for no limit.
    quota: Option<NonZeroU32>,
    clock: Clock,
    /// When the budget of each user is full again.
    full_at: Mutex<Cache<PrincipalId, Duration>>,
}

impl EditBudget {
    /// Allows `quota` edits an hour for each user; `None` for no limit.
    pub(crate) fn new(quota: Option<NonZeroU32>, clock: Clock) -> Self {
        Self { quota, clock, full_at: Mutex::new(Cache::new(USERS)) }
    }

    /// Takes one edit from the budget of the user. Fails with the time to wait if the budget is exhausted.
    pub(crate) fn take(&self, user: &PrincipalId) -> Result<(), Error> {
        let Some(quota) = self.quota else { return Ok(()) };
        let now = self.clock.steady();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full_at.get(user).map_or(now, |time| now.max(*time)) + WINDOW / quota.get();
        match after.checked_sub(now + WINDOW) {
            Some(wait) if !wait.is_zero() => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let window = u32::try_from(WINDOW.as_secs()).unwrap_or(u32::MAX);
                Err(Error::RateLimited(Limited { budget: "profile-edits", quota: quota.get(), window, wait: seconds }))
            }
            _ => {
                full_at.insert(*user, after);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn wait(budget: &EditBudget, user: &PrincipalId) -> Option<u64> {
        match budget.take(user) {
            Ok(()) => None,
            Err(Error::RateLimited(limited)) => Some(limited.wait),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn budget_is_spent_at_once_and_refilled_evenly() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let budget = EditBudget::new(NonZeroU32::new(3), clock.clone());
        let (user, other) = (PrincipalId::generate(), PrincipalId::generate());
        for _ in 0..3 {
            assert_eq!(wait(&budget, &user), None);
        }
        assert_eq!(wait(&budget, &user), Some(1200));
        assert_eq!(wait(&budget, &other), None, "each user has a separate budget");
        clock.advance(Duration::from_millis(1_199_001));
        assert_eq!(wait(&budget, &user), Some(1), "rounded up");
        clock.advance(Duration::from_secs(1));
        assert_eq!(wait(&budget, &user), None);
        clock.advance(Duration::from_secs(86_400));
        for _ in 0..3 {
            assert_eq!(wait(&budget, &user), None, "the budget does not exceed its quota");
        }
        assert_eq!(wait(&budget, &user), Some(1200));
    }

    #[test]
    fn absent_quota_sets_no_limit() {
        let budget = EditBudget::new(None, Clock::manual(DateTime::UNIX_EPOCH));
        let user = PrincipalId::generate();
        assert!((0..100).all(|_| wait(&budget, &user).is_none()));
    }
}
