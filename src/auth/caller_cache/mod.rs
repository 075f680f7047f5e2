//! The cache of known callers: a token, its verified claims, its principal, and how much of the principal's request budget is used.
//!
//! A request with a cached token costs one lookup and a few loads: no signature check, no query, no allocation. Admitted and refused
//! principals are cached by the same rule. An entry has two parts with a validity each. If the token is no longer valid, it is verified
//! again in full; if the principal is no longer valid, it is resolved again. That verification or resolution alone determines the answer,
//! so a token has the same answer with and without the cache, except where the table says for how long a change may be missed.
//!
//! | What ends an entry | Part | Condition |
//! | --- | --- | --- |
//! | A key of the issuer is withdrawn or added | token | The edition of the issuer's keys is that of the verification |
//! | The keys are too old, because the provider has not answered for a day | token | The edition is open |
//! | The issuer is dropped, or the issuers are reloaded | token | Its `IssuerStatus` is not dismissed |
//! | The token expires, or the clock is set back before its `nbf` or `iat` | token | Now is within its time window |
//! | The principal, its grants, its identities or its roles are changed, or everything is | principal | No invalidation of its key or of everything is newer than the read |
//! | Any principal is changed, if `BOOTSTRAP_ADMIN` names this one | principal | No invalidation at all is newer than the read |
//! | A grant or the account ends | principal | Now is before the first end after the read |
//! | The principal was read a minute ago, so a missed change has effect by then | principal | Its age is below `MAX_AGE` |
//! | The clock is set back before the read | principal | Now is not before the read |
//! | Changes by other replicas cannot be read for longer than `AUTH_STALE_SECONDS` | principal | The change feed has confirmed it within that time |
//! | Changes by other replicas cannot be read, and the route is administrative | principal, for this request | The change feed works |
//! | The request is to be recorded: the principal was last seen an hour ago, or never with these claims | principal, for this request | `first_contact::has_no_effect` |
//! | The principal was evicted from the cache by identity, or replaced there | principal | The weak reference has a target |
//! | The memory limit is reached | both | `MAX_BYTES` and `MAX_TOKENS` |
//!
//! The first four are checked by [`TokenValidity`], the others by the `PrincipalValidity` of the [`ResolvedPrincipal`]. An identity that
//! belongs to no principal is cached by identity only (`UnknownIdentities`): its token is in this cache without a principal. A token whose
//! requests may still be recorded is in this cache without its principal too ([`ResolvedPrincipal::may_cache`]). Each row has a test.
//!
//! The principal belongs to the cache by identity of [`PrincipalService`](crate::services::PrincipalService). An entry refers to it weakly,
//! so that idle tokens keep no outdated principals in memory, but for the allocation of the reference, which the limit does not count.

mod key;

use std::mem::size_of;
use std::sync::{Arc, Weak};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Weighter};

use crate::cache::hit_counter::{HitCounter, MemoryReading};
use crate::limits::rate_limit::RateState;
use crate::oidc::{Claims, TokenValidity, VerifiedToken};
use crate::services::{Failure, Need, ResolvedPrincipal};
use key::{Headers, Key, Presented};

/// The memory limit in bytes.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// The maximum number of entries.
const MAX_TOKENS: u64 = 128 * 1024;
/// The initial capacity, which grows on demand. Full capacity would spread a usual load over ten times the memory.
const EXPECTED: usize = 1024;

/// The cache of known callers. It is bounded in entries and bytes and evicts rarely used entries first.
pub(crate) struct CallerCache {
    callers: Cache<Key, CachedCaller, ByBytes>,
    headers: Headers,
    lookups: HitCounter,
}

/// An entry: a valid token, and its principal if that is known.
#[derive(Clone)]
pub(crate) struct CachedCaller {
    claims: Arc<Claims>,
    validity: TokenValidity,
    /// The weight, computed once: what the claims share with others may change.
    bytes: u32,
    principal: Weak<ResolvedPrincipal>,
    rate: RateState,
}

/// The principal of a token, and whether it is admitted with it.
pub(crate) struct Resolution {
    /// `None` if the identity is unknown.
    pub(crate) principal: Option<Arc<ResolvedPrincipal>>,
    /// The used part of the principal's request budget.
    pub(crate) rate: RateState,
    /// The reason for a refusal.
    pub(crate) outcome: Result<(), Failure>,
}

impl CallerCache {
    pub(crate) fn new() -> Self {
        Self::with_capacity(MAX_TOKENS, MAX_BYTES)
    }

    fn with_capacity(entries: u64, bytes: u64) -> Self {
        let least = bytes / entries;
        let callers =
            Cache::with(EXPECTED, bytes, ByBytes { least }, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { callers, headers: Headers::default(), lookups: HitCounter::default() }
    }

    /// Hits, misses and entries. A refused token counts as neither hit nor miss.
    pub(crate) fn reading(&self) -> MemoryReading {
        self.lookups.reading(self.callers.len())
    }

    /// The entry of the `presented` token, which may be any octets, if the token is still valid at `now`, in microseconds since 1970.
    pub(crate) fn find(&self, presented: &[u8], now: i64) -> Option<CachedCaller> {
        let found = self.callers.get(&Presented(presented))?;
        if !found.validity.is_valid(&found.claims, now) {
            return None;
        }
        self.lookups.hit();
        found.claims.count_accepted_again();
        Some(found)
    }

    /// Counts a miss: a token that may be cached was verified.
    pub(crate) fn count_miss(&self) {
        self.lookups.miss();
    }

    /// Caches a verified token, and the principal that it was resolved to where that may be cached. Replaces the previous entry of the token.
    pub(crate) fn insert(&self, presented: &[u8], token: &VerifiedToken, resolution: Option<&Resolution>) {
        let Some((validity, key)) = token.validity.zip(self.headers.key_of(presented)) else { return };
        let claims = Arc::clone(&token.claims);
        let bytes = u32::try_from(bytes_of(&key, &claims)).unwrap_or(u32::MAX);
        let (principal, rate) = resolution.and_then(|resolution| resolution.cacheable(&claims)).unwrap_or_default();
        self.callers.insert(key, CachedCaller { claims, validity, bytes, principal, rate });
    }
}

impl CachedCaller {
    /// The token, and its principal with the decision whether it is admitted, if these are still valid at `now`, in microseconds since 1970.
    pub(crate) fn into_parts(self, need: Need, now: i64) -> (VerifiedToken, Option<Resolution>) {
        let Self { claims, validity, principal, rate, .. } = self;
        let resolution = principal.upgrade().and_then(|principal| {
            let outcome = principal.decide_again(&claims, need, now)?;
            Some(Resolution { principal: Some(principal), rate, outcome })
        });
        (VerifiedToken { claims, validity: Some(validity) }, resolution)
    }
}

impl Resolution {
    /// What an entry refers to; `None` if each request of the token has to be resolved.
    fn cacheable(&self, claims: &Claims) -> Option<(Weak<ResolvedPrincipal>, RateState)> {
        let principal = self.principal.as_ref().filter(|known| known.may_cache(claims, self.outcome.is_ok()))?;
        Some((Arc::downgrade(principal), self.rate.clone()))
    }

    /// Whether [`insert`](CallerCache::insert) would cache the principal.
    pub(crate) fn is_cacheable(&self, claims: &Claims) -> bool {
        self.cacheable(claims).is_some()
    }
}

/// Weighs an entry by its memory use. The minimum weight also bounds the number of entries.
#[derive(Clone)]
struct ByBytes {
    least: u64,
}

/// The cache's own memory use per entry.
const ENTRY_OVERHEAD: usize = 32;

impl Weighter<Key, CachedCaller> for ByBytes {
    fn weight(&self, _: &Key, caller: &CachedCaller) -> u64 {
        u64::from(caller.bytes).max(self.least)
    }
}

fn bytes_of(key: &Key, claims: &Claims) -> usize {
    size_of::<(Key, CachedCaller)>() + ENTRY_OVERHEAD + key.bytes() + claims.bytes()
}

#[cfg(test)]
mod tests;
