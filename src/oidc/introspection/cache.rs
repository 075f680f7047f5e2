//! The cache of introspection results.
//!
//! Bounded in size and age. The key is a keyed hash of the whole token: no token is stored, and no token can be crafted to share the
//! result of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::hit_counter::{HitCounter, MemoryReading};
use crate::jose::unique_json::Object;
use crate::oidc::Rejection;
use crate::oidc::verification::validity;
use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use tokio::time::{Instant, timeout_at};

/// The maximum number of cached tokens.
const MAX_TOKENS: usize = 10_000;
/// The lifetime of an active result.
const ACTIVE_FOR: TimeDelta = TimeDelta::seconds(60);
/// The lifetime of an inactive result: shorter, because an issuer's replicas may not know a new token yet.
const INACTIVE_FOR: TimeDelta = TimeDelta::seconds(10);

/// The result for a token: its claims, or the reason for its rejection.
pub(super) type Verdict = Result<Arc<Object<'static>>, Rejection>;

type TokenHash = [u8; 32];

#[derive(Clone)]
struct CachedVerdict {
    verdict: Verdict,
    valid_for: ValidFor,
    /// Whether the token was active in the issuer's latest response.
    was_active: bool,
}

/// The callers for which a cached verdict is valid.
#[derive(Clone, Copy)]
enum ValidFor {
    /// All callers, until this time.
    AllUntil(DateTime<Utc>),
    /// The callers that waited for it: those that arrived before the outage with this number.
    WaitersOfOutage(u64),
}

/// The cached verdicts of one issuer.
pub(super) struct VerdictCache {
    verdicts: Cache<TokenHash, CachedVerdict>,
    key: hmac::Key,
    counter: HitCounter,
    /// The number of failed introspection requests.
    outages: AtomicU64,
}

impl VerdictCache {
    /// Creates an empty cache that hashes tokens with `key`.
    pub(super) fn new(key: hmac::Key) -> Self {
        Self { verdicts: Cache::new(MAX_TOKENS), key, counter: HitCounter::default(), outages: AtomicU64::new(0) }
    }

    /// Returns the counters of the cache.
    pub(super) fn reading(&self) -> MemoryReading {
        self.counter.reading(self.verdicts.len())
    }

    /// Returns the verdict on `token` that is cached at `now`, or the result of `ask`. The argument of `ask` is whether the token was
    /// active before.
    ///
    /// Concurrent callers with the same token wait for the same result until `deadline`. All of them share a failure, but later callers
    /// do not. `ask` must itself end by `deadline`.
    pub(super) async fn get_or_ask<A: Future<Output = Verdict>>(
        &self,
        token: &str,
        now: DateTime<Utc>,
        deadline: Instant,
        ask: impl FnOnce(bool) -> A,
    ) -> Verdict {
        let (hash, outages) = (self.hash(token), self.outages.load(Ordering::SeqCst));
        let entry = self.verdicts.entry_async(&hash, |_, cached| {
            if cached.is_valid_for(now, outages) {
                EntryAction::Retain(cached.verdict.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        let Ok(entry) = timeout_at(deadline, entry).await else { return Err(Rejection::IntrospectionUnavailable) };
        let (guard, was_active) = match entry {
            EntryResult::Retained(verdict) => {
                self.counter.hit();
                return verdict;
            }
            EntryResult::Vacant(guard) => (guard, false),
            EntryResult::Replaced(guard, previous) => (guard, previous.was_active),
            // Neither occurs: the closure retains or replaces entries, and `timeout_at` sets the time limit.
            EntryResult::Removed(..) | EntryResult::Timeout => return ask(false).await,
        };
        self.counter.miss();
        let verdict = ask(was_active).await;
        // Fails only if the entry was evicted meanwhile, which is harmless.
        let _ = guard.insert(self.entry(&verdict, now, was_active));
        verdict
    }

    fn entry(&self, verdict: &Verdict, now: DateTime<Utc>, was_active: bool) -> CachedVerdict {
        let (valid_for, was_active) = match verdict {
            Ok(claims) => {
                let expires_at = validity::time(claims, "exp").ok().flatten();
                (ValidFor::AllUntil(expires_at.map_or(now, |expires_at| expires_at.min(now + ACTIVE_FOR))), true)
            }
            Err(rejection) if rejection.is_our_outage() => {
                (ValidFor::WaitersOfOutage(self.outages.fetch_add(1, Ordering::SeqCst) + 1), was_active)
            }
            Err(_) => (ValidFor::AllUntil(now + INACTIVE_FOR), false),
        };
        CachedVerdict { verdict: verdict.clone(), valid_for, was_active }
    }

    fn hash(&self, token: &str) -> TokenHash {
        let mut hash = TokenHash::default();
        for (octet, tagged) in hash.iter_mut().zip(hmac::sign(&self.key, token.as_bytes()).as_ref()) {
            *octet = *tagged;
        }
        hash
    }
}

impl CachedVerdict {
    /// Returns whether it is valid for a caller that arrived at `now`, after this number of outages.
    fn is_valid_for(&self, now: DateTime<Utc>, outages: u64) -> bool {
        match self.valid_for {
            ValidFor::AllUntil(end) => now < end,
            ValidFor::WaitersOfOutage(outage) => outages < outage,
        }
    }
}
