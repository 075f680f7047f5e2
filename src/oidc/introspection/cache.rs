//! What issuers said of tokens lately, so that a client's next requests cost no further question.
//!
//! Bounded in number and time, and keyed by a keyed hash of the whole token: no token is kept, and none can be made to share another's
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::hit_counter::{Finds, MemoryReading};
use crate::oidc::strict_json::Object;
use crate::oidc::{Rejection, validity};
use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use tokio::time::{Instant, timeout_at};

/// How many tokens are remembered.
const MAX_TOKENS: usize = 10_000;
/// How long a token counts as active without another question.
const ACTIVE_FOR: TimeDelta = TimeDelta::seconds(60);
/// How long a token counts as not active: shorter, as an issuer's replicas may not know a new token yet.
const INACTIVE_FOR: TimeDelta = TimeDelta::seconds(10);

/// What an issuer says of a token: its claims, or why it is none of a kind that is taken.
pub(super) type Verdict = Result<Arc<Object<'static>>, Rejection>;

type TokenHash = [u8; 32];

#[derive(Clone)]
struct Remembered {
    verdict: Verdict,
    good: Good,
    /// Whether the issuer called the token active when it last said anything of it.
    was_active: bool,
}

/// Whom a remembered verdict is for.
#[derive(Clone, Copy)]
enum Good {
    /// All callers until then.
    Until(DateTime<Utc>),
    /// The callers that waited for it: those that had seen fewer outages than this when they came.
    ForThoseBefore(u64),
}

/// The latest verdicts.
pub(super) struct VerdictCache {
    verdicts: Cache<TokenHash, Remembered>,
    key: hmac::Key,
    finds: Finds,
    /// How many questions came to nothing.
    outages: AtomicU64,
}

impl VerdictCache {
    /// Remembers nothing yet; tokens will be hashed under `key`.
    pub(super) fn new(key: hmac::Key) -> Self {
        Self { verdicts: Cache::new(MAX_TOKENS), key, finds: Finds::default(), outages: AtomicU64::new(0) }
    }

    /// How it stands.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.verdicts.len())
    }

    /// The verdict on `token` as remembered at `now`, or as `ask` has it, which is told whether the token was active before.
    ///
    /// Callers that come with the same token meanwhile wait for the same answer, until `deadline`; that the issuer could not be asked
    /// is an answer to all who waited, and remembered for nobody else. `ask` has to end by `deadline` itself.
    pub(super) async fn get_or_ask<A: Future<Output = Verdict>>(
        &self,
        token: &str,
        now: DateTime<Utc>,
        deadline: Instant,
        ask: impl FnOnce(bool) -> A,
    ) -> Verdict {
        let (hash, outages) = (self.hash(token), self.outages.load(Ordering::SeqCst));
        let entry = self.verdicts.entry_async(&hash, |_, remembered| {
            if remembered.is_for(now, outages) {
                EntryAction::Retain(remembered.verdict.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        let Ok(entry) = timeout_at(deadline, entry).await else { return Err(Rejection::IntrospectionUnavailable) };
        let (place, was_active) = match entry {
            EntryResult::Retained(verdict) => {
                self.finds.hit();
                return verdict;
            }
            EntryResult::Vacant(place) => (place, false),
            EntryResult::Replaced(place, former) => (place, former.was_active),
            // Neither is asked for: entries are kept or replaced, and the limit is ours.
            EntryResult::Removed(..) | EntryResult::Timeout => return ask(false).await,
        };
        self.finds.miss();
        let verdict = ask(was_active).await;
        // Fails only where the entry was evicted meanwhile, which loses nothing.
        let _ = place.insert(self.remembered(&verdict, now, was_active));
        verdict
    }

    fn remembered(&self, verdict: &Verdict, now: DateTime<Utc>, was_active: bool) -> Remembered {
        let (good, was_active) = match verdict {
            Ok(claims) => {
                let expires_at = validity::time(claims, "exp").ok().flatten();
                (Good::Until(expires_at.map_or(now, |expires_at| expires_at.min(now + ACTIVE_FOR))), true)
            }
            Err(rejection) if rejection.is_our_outage() => {
                (Good::ForThoseBefore(self.outages.fetch_add(1, Ordering::SeqCst) + 1), was_active)
            }
            Err(_) => (Good::Until(now + INACTIVE_FOR), false),
        };
        Remembered { verdict: verdict.clone(), good, was_active }
    }

    fn hash(&self, token: &str) -> TokenHash {
        let mut hash = TokenHash::default();
        for (octet, tagged) in hash.iter_mut().zip(hmac::sign(&self.key, token.as_bytes()).as_ref()) {
            *octet = *tagged;
        }
        hash
    }
}

impl Remembered {
    /// Whether it is for a caller who came at `now`, when so many questions had come to nothing.
    fn is_for(&self, now: DateTime<Utc>, outages: u64) -> bool {
        match self.good {
            Good::Until(end) => now < end,
            Good::ForThoseBefore(outage) => outages < outage,
        }
    }
}
