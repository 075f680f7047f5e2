//! A cache of recently ended sessions.
//!
//! Open tabs go on sending the cookie of an ended session until the user signs in again. The first of these requests costs a query; this
//! cache answers the others.

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::Cache;

/// The capacity of the cache, at about 200 bytes per entry.
const MAX_SESSIONS: usize = 10_000;
/// The lifetime of an entry. An ended session never becomes valid again, but a replica whose clock is ahead can consider a session ended
/// that another replica still uses, and must not refuse it for long.
const ENTRY_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Cookies of ended sessions, each with the expiry of its entry. Only authenticated cookies are added, so forged ones cannot fill the
/// cache.
pub(super) struct EndedSessions(Cache<String, DateTime<Utc>>);

impl Default for EndedSessions {
    fn default() -> Self {
        Self(Cache::new(MAX_SESSIONS))
    }
}

impl EndedSessions {
    pub(super) fn add(&self, cookie: &str, now: DateTime<Utc>) {
        self.0.insert(cookie.to_owned(), now + ENTRY_LIFETIME);
    }

    pub(super) fn contains(&self, cookie: &str, now: DateTime<Utc>) -> bool {
        self.0.get(cookie).is_some_and(|until| now < until)
    }
}
