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
    /// All of them until then.
    Until(DateTime<Utc>),
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

    /// What is known now.
    pub fn knowledge(&self, now: DateTime<Utc>) -> Knowledge {
        let is_failing = self.is_failing.load(Ordering::Acquire);
        match self.looked_at.load(Ordering::Acquire) {
            // Before the first look there was nothing to remember either.
            NEVER => Knowledge::Current,
            looked_at if !is_failing && now.timestamp_micros() - looked_at <= CURRENT_FOR => Knowledge::Current,
            looked_at => Knowledge::Until(DateTime::from_timestamp_micros(looked_at).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_was_known_ages_once_nobody_can_look() {
        let (freshness, start) = (Freshness::default(), DateTime::UNIX_EPOCH);
        let at = |seconds| start + TimeDelta::seconds(seconds);
        freshness.fail();
        assert_eq!(freshness.knowledge(at(9)), Knowledge::Current, "nobody has looked");
        freshness.succeed(at(10));
        assert_eq!(freshness.knowledge(at(15)), Knowledge::Current);
        assert_eq!(
            freshness.knowledge(at(16)),
            Knowledge::Until(at(10)),
            "nobody has said that it fails, but nobody looks"
        );
        freshness.succeed(at(20));
        freshness.fail();
        assert_eq!(freshness.knowledge(at(20)), Knowledge::Until(at(20)));
        freshness.succeed(at(21));
        assert_eq!(freshness.knowledge(at(22)), Knowledge::Current);
    }
}
