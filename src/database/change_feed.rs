//! How well changes that other processes made are known.
//!
//! Whoever looks for them says so here each time. Readers ask on every request, so it is a pair of atomics and no lock.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// How long after a look nothing much can have gone unnoticed, in microseconds: two looks and some delay.
const CURRENT_FOR: i64 = 5_000_000;
/// Nobody has looked yet.
const NEVER: i64 = i64::MIN;

/// When somebody last looked, and whether that succeeds.
#[derive(Debug)]
pub struct ChangeFeedHealth {
    /// Microseconds since 1970.
    looked_at: AtomicI64,
    is_failing: AtomicBool,
}

/// What is known of the changes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// All of them, but for the latest moments; or nobody looks, where there are no others.
    Now,
    /// All of them until then, in microseconds since 1970.
    Moment(i64),
}

impl Default for ChangeFeedHealth {
    fn default() -> Self {
        Self { looked_at: AtomicI64::new(NEVER), is_failing: AtomicBool::new(false) }
    }
}

impl ChangeFeedHealth {
    /// All changes until `now` are known.
    pub fn succeed(&self, now: DateTime<Utc>) {
        self.looked_at.store(now.timestamp_micros(), Ordering::Release);
        self.is_failing.store(false, Ordering::Release);
    }

    /// Invalidations can't be looked for.
    pub fn fail(&self) {
        self.is_failing.store(true, Ordering::Release);
    }

    /// What is known `now`, in microseconds since 1970.
    pub fn knowledge(&self, now: i64) -> UpTo {
        let is_failing = self.is_failing.load(Ordering::Acquire);
        match self.looked_at.load(Ordering::Acquire) {
            // Before the first look there was nothing to remember either.
            NEVER => UpTo::Now,
            looked_at if !is_failing && now - looked_at <= CURRENT_FOR => UpTo::Now,
            looked_at => UpTo::Moment(looked_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_was_known_ages_once_nobody_can_look() {
        let (change_feed, second) = (ChangeFeedHealth::default(), 1_000_000);
        let succeed = |seconds| change_feed.succeed(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        let knowledge = |seconds| change_feed.knowledge(seconds * second);
        change_feed.fail();
        assert_eq!(knowledge(9), UpTo::Now, "nobody has looked");
        succeed(10);
        assert_eq!(knowledge(15), UpTo::Now);
        assert_eq!(knowledge(16), UpTo::Moment(10 * second), "nobody has said that it fails, but nobody looks");
        succeed(20);
        change_feed.fail();
        assert_eq!(knowledge(20), UpTo::Moment(20 * second));
        succeed(21);
        assert_eq!(knowledge(22), UpTo::Now);
    }
}
