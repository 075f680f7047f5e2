//! What issuers said of tokens lately, so that a client's next requests cost no further question.
//!
//! Bounded in number and time, and keyed by a keyed hash of the whole token: no token is kept, and none can be made to share another's
//! answer.

use std::sync::Arc;

use crate::finds::{Finds, MemoryReading};
use crate::oidc::strict_json::Object;
use crate::oidc::{Rejection, validity};
use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::{Cache, EntryAction, EntryResult};

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
    until: DateTime<Utc>,
}

/// The latest verdicts.
pub(super) struct VerdictCache {
    verdicts: Cache<TokenHash, Remembered>,
    key: hmac::Key,
    finds: Finds,
}

impl VerdictCache {
    /// Remembers nothing yet; tokens will be hashed under `key`.
    pub(super) fn new(key: hmac::Key) -> Self {
        Self { verdicts: Cache::new(MAX_TOKENS), key, finds: Finds::default() }
    }

    /// How it stands.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.verdicts.len())
    }

    /// The verdict on `token` as remembered at `now`, or as `ask` has it. Whoever comes with the same token meanwhile waits for the
    /// same answer. That the issuer could not be asked is not remembered.
    pub(super) async fn get_or_ask(
        &self,
        token: &str,
        now: DateTime<Utc>,
        ask: impl Future<Output = Verdict>,
    ) -> Verdict {
        let hash = self.hash(token);
        let entry = self.verdicts.entry_async(&hash, |_, remembered| {
            if now < remembered.until {
                EntryAction::Retain(remembered.verdict.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        match entry.await {
            EntryResult::Retained(verdict) => {
                self.finds.hit();
                verdict
            }
            EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => {
                self.finds.miss();
                let verdict = ask.await;
                if let Some(until) = end(&verdict, now) {
                    // Fails only where the entry was evicted meanwhile, which loses nothing.
                    let _ = place.insert(Remembered { verdict: verdict.clone(), until });
                }
                verdict
            }
            // Neither is asked for: entries are kept or replaced, and nothing is waited for with a limit.
            EntryResult::Removed(..) | EntryResult::Timeout => ask.await,
        }
    }

    fn hash(&self, token: &str) -> TokenHash {
        let mut hash = TokenHash::default();
        for (octet, tagged) in hash.iter_mut().zip(hmac::sign(&self.key, token.as_bytes()).as_ref()) {
            *octet = *tagged;
        }
        hash
    }
}

/// When a verdict that was reached at `now` has to be asked for again.
fn end(verdict: &Verdict, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match verdict {
        Ok(claims) => {
            let expires_at = validity::time(claims, "exp").ok().flatten();
            Some(expires_at.map_or(now, |expires_at| expires_at.min(now + ACTIVE_FOR)))
        }
        Err(rejection) if rejection.is_our_outage() => None,
        Err(_) => Some(now + INACTIVE_FOR),
    }
}
