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
pub struct Freshness {
    /// Microseconds since 1970.
    looked_at: AtomicI64,
    is_failing: AtomicBool,
}

/// What is known of the changes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// All of them, but for the latest moments; or nobody looks, where there are no others.
    Current,
    /// All of them until then, in microseconds since 1970.
    Until(i64),
}

impl Default for Freshness {
    fn default() -> Self {
        Self { looked_at: AtomicI64::new(NEVER), is_failing: AtomicBool::new(false) }
    }
}

impl Freshness {
    /// All changes until `now` are known.
    pub fn succeed(&self, now: DateTime<Utc>) {
        self.looked_at.store(now.timestamp_micros(), Ordering::Release);
        self.is_failing.store(false, Ordering::Release);
    }

    /// Changes can't be looked for.
    pub fn fail(&self) {
        self.is_failing.store(true, Ordering::Release);
    }

    /// What is known `now`, in microseconds since 1970.
    pub fn knowledge(&self, now: i64) -> Knowledge {
        let is_failing = self.is_failing.load(Ordering::Acquire);
        match self.looked_at.load(Ordering::Acquire) {
            // Before the first look there was nothing to remember either.
            NEVER => Knowledge::Current,
            looked_at if !is_failing && now - looked_at <= CURRENT_FOR => Knowledge::Current,
            looked_at => Knowledge::Until(looked_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_was_known_ages_once_nobody_can_look() {
        let (freshness, second) = (Freshness::default(), 1_000_000);
        let succeed = |seconds| freshness.succeed(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds));
        let knowledge = |seconds| freshness.knowledge(seconds * second);
        freshness.fail();
        assert_eq!(knowledge(9), Knowledge::Current, "nobody has looked");
        succeed(10);
        assert_eq!(knowledge(15), Knowledge::Current);
        assert_eq!(knowledge(16), Knowledge::Until(10 * second), "nobody has said that it fails, but nobody looks");
        succeed(20);
        freshness.fail();
        assert_eq!(knowledge(20), Knowledge::Until(20 * second));
        succeed(21);
        assert_eq!(knowledge(22), Knowledge::Current);
    }
}
