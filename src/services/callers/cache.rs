//! Cache of principals by identity, for tokens that were not seen before.
//!
//! An entry holds the result of a read transaction: a principal and the roles it holds with the role names of one token, or that an
//! identity is unknown ([`UnknownIdentities`]). Whether the principal is admitted is decided again for each request, so a repeated refusal
//! costs no more than an admission. An entry is used only for a request that would change nothing, and only while it is valid
//! ([`PrincipalValidity`]). The guard's cache of callers refers to the same entries by token, and lists all that ends them.

mod key;
mod unknown;
mod weight;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::DefaultHashBuilder;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::cache::hit_counter::{HitCounter, MemoryReading};
use crate::cache::interner::Interner;
use crate::database::{ChangeFeedHealth, Invalidations, Version};
use crate::models::IdentityKey;
use crate::models::permission::Permission;
use crate::oidc::Claims;

use super::first_contact;
use super::validity::{Age, Need, PrincipalValidity, ValidityRules};
use crate::services::{Failure, KnownPrincipal, ResolvedPrincipal};
use key::{Key, Presented};
pub(crate) use unknown::Unknown;
use unknown::UnknownIdentities;
use weight::{ByBytes, MAX_BYTES};

/// The initial capacity. The cache grows from there, which keeps the entries of an ordinary load close together in memory.
const EXPECTED: usize = 1024;

/// The cache of principals and unknown identities.
pub(crate) struct PrincipalCache {
    entries: Cache<Key, Arc<ResolvedPrincipal>, ByBytes>,
    unknown: UnknownIdentities,
    /// Interned sets of granted permissions: most principals share a few.
    granted: Interner<Permission>,
    rules: Arc<ValidityRules>,
}

/// A refusal that follows from the cache.
pub(crate) struct RefusedPrincipal {
    /// The principal; `None` if the identity is unknown.
    pub(crate) principal: Option<Arc<ResolvedPrincipal>>,
    /// The reason for the refusal.
    pub(crate) why: Failure,
}

impl PrincipalCache {
    /// A cache whose entries stay valid for `stale_for` while changes by other replicas cannot be read.
    pub(crate) fn new(changes: Arc<Invalidations>, change_feed: Arc<ChangeFeedHealth>, stale_for: TimeDelta) -> Self {
        let entries =
            Cache::with(EXPECTED, MAX_BYTES, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let stale_for = stale_for.num_microseconds().unwrap_or(i64::MAX);
        let rules = Arc::new(ValidityRules { changes, change_feed, stale_for, lookups: HitCounter::default() });
        Self { entries, unknown: UnknownIdentities::default(), granted: Interner::default(), rules }
    }

    /// The hits, misses and size of the cache.
    pub(crate) fn reading(&self) -> MemoryReading {
        self.rules.lookups.reading(self.entries.len() + self.unknown.len())
    }

    /// The version to take before the read whose result is [inserted](Self::insert).
    pub(crate) fn version(&self) -> Version {
        self.rules.changes.version()
    }

    /// Returns the principal of `claims`, or their refusal, if that follows from an entry that is valid at `now`, in microseconds since
    /// 1970, and the request changes nothing.
    pub(crate) fn find(
        &self,
        claims: &Claims,
        need: Need,
        now: i64,
    ) -> Option<Result<Arc<ResolvedPrincipal>, RefusedPrincipal>> {
        let known = self.entries.get(&Presented(claims)).and_then(|principal| {
            Some(match principal.decide(claims, need, now)? {
                Ok(()) => Ok(principal),
                Err(why) => Err(RefusedPrincipal { principal: Some(principal), why }),
            })
        });
        let found = known.or_else(|| self.unknown_identity(claims, need, now).map(Err));
        if found.is_some() {
            self.rules.lookups.hit();
        }
        found
    }

    fn unknown_identity(&self, claims: &Claims, need: Need, now: i64) -> Option<RefusedPrincipal> {
        let entry = self.unknown.find(&first_contact::identity_of(claims))?;
        let why = entry.what.refusal(claims).filter(|_| entry.is_valid(&self.rules, need, now))?;
        Some(RefusedPrincipal { principal: None, why })
    }

    /// Counts a miss, which costs a query.
    pub(crate) fn count_miss(&self) {
        self.rules.lookups.miss();
    }

    /// Inserts the principal of `claims`, admitted or not, as read after `version` was taken, and returns it. Inserts nothing if the
    /// principal has changed since.
    pub(crate) fn insert(
        &self,
        claims: &Claims,
        known: KnownPrincipal,
        identity: &str,
        version: Version,
        is_named_admin: bool,
        now: DateTime<Utc>,
    ) -> Arc<ResolvedPrincipal> {
        let validity = PrincipalValidity::new(Arc::clone(&self.rules), &known, version, is_named_admin, now);
        let granted = self.granted.share(known.permissions().into_iter().collect::<Vec<_>>());
        let resolved = Arc::new(ResolvedPrincipal::new(known, identity, granted, Some(validity)));
        if !resolved.is_changed() {
            self.entries.insert(Key::of(claims), Arc::clone(&resolved));
        }
        resolved
    }

    /// Inserts that the identity is unknown, as read after `version` was taken.
    pub(crate) fn insert_unknown(&self, identity: &IdentityKey, what: Unknown, version: Version, now: DateTime<Utc>) {
        self.unknown.insert(identity, what, version, Age::of(now));
    }
}

#[cfg(test)]
mod tests;
