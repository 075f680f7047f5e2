//! Sessions that were found to have ended a short time ago.
//!
//! A page does not know at once that its session is over: every open tab goes on asking with the cookie until the person signs in
//! again. The first of these requests costs a query; the others are answered from here.

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::Cache;

/// How many are remembered: of some 200 bytes each.
const MAX_SESSIONS: usize = 10_000;
/// How long. A session that has ended never comes back; but a replica whose clock is ahead can find one ended by its time while
/// another still notes its use, and must not refuse it for long.
const REMEMBERED_FOR: TimeDelta = TimeDelta::seconds(60);

/// Cookies of ended sessions, each with the time until which it is remembered. Only genuine cookies are added, so nobody can fill it
/// with made-up ones.
pub(super) struct EndedSessions(Cache<String, DateTime<Utc>>);

impl Default for EndedSessions {
    fn default() -> Self {
        Self(Cache::new(MAX_SESSIONS))
    }
}

impl EndedSessions {
    pub(super) fn add(&self, cookie: &str, now: DateTime<Utc>) {
        self.0.insert(cookie.to_owned(), now + REMEMBERED_FOR);
    }

    pub(super) fn contains(&self, cookie: &str, now: DateTime<Utc>) -> bool {
        self.0.get(cookie).is_some_and(|until| now < until)
    }
}
