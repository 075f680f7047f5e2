//! The health of the feed of changes by other processes.
//!
//! The poller or listener reports each check here. Every request reads it, so it consists of two atomics and no lock.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// How long after a check the feed counts as current, in microseconds: two polling intervals and some delay.
const CURRENT_FOR: i64 = 5_000_000;
/// No check has succeeded yet.
const NEVER: i64 = i64::MIN;

/// The time of the last successful check, and whether checks fail since.
#[derive(Debug)]
pub struct ChangeFeedHealth {
    /// Microseconds since 1970.
    checked_at: AtomicI64,
    is_failing: AtomicBool,
}

/// Up to when the changes of other processes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// The feed is current, or there is no feed because there are no other processes.
    Now,
    /// Changes are known up to this time, in microseconds since 1970.
    Moment(i64),
}

impl Default for ChangeFeedHealth {
    fn default() -> Self {
        Self { checked_at: AtomicI64::new(NEVER), is_failing: AtomicBool::new(false) }
    }
}

impl ChangeFeedHealth {
    /// Records a successful check: all changes up to `now` are known.
    pub fn succeed(&self, now: DateTime<Utc>) {
        self.checked_at.store(now.timestamp_micros(), Ordering::Release);
        self.is_failing.store(false, Ordering::Release);
    }

    /// Records a failed check.
    pub fn fail(&self) {
        self.is_failing.store(true, Ordering::Release);
    }

    /// Returns up to when changes are known; `now` is in microseconds since 1970.
    pub fn knowledge(&self, now: i64) -> UpTo {
        let is_failing = self.is_failing.load(Ordering::Acquire);
        match self.checked_at.load(Ordering::Acquire) {
            // Before the first check nothing is cached either.
            NEVER => UpTo::Now,
            checked_at if !is_failing && now - checked_at <= CURRENT_FOR => UpTo::Now,
            checked_at => UpTo::Moment(checked_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn knowledge_ends_at_the_last_check_once_checks_fail_or_cease() {
        let (change_feed, second) = (ChangeFeedHealth::default(), 1_000_000);
        let succeed = |seconds| change_feed.succeed(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        let knowledge = |seconds| change_feed.knowledge(seconds * second);
        change_feed.fail();
        assert_eq!(knowledge(9), UpTo::Now, "no check yet");
        succeed(10);
        assert_eq!(knowledge(15), UpTo::Now);
        assert_eq!(knowledge(16), UpTo::Moment(10 * second), "no failure, but no check either");
        succeed(20);
        change_feed.fail();
        assert_eq!(knowledge(20), UpTo::Moment(20 * second));
        succeed(21);
        assert_eq!(knowledge(22), UpTo::Now);
    }
}
