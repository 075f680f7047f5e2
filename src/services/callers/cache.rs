//! Cache of principals, so that a request of a cached caller costs no transaction.
//!
//! An entry holds the result of a read transaction: a principal and the roles it holds with the role names of one token, or that an
//! identity is unknown ([`UnknownIdentities`]). Whether the principal is admitted is decided again for each request, so a repeated refusal
//! costs no more than an admission. An entry is used only for a request that would change nothing. It is valid while all of these hold:
//!
//! - no change of the principal or of all principals is newer than the read ([`Invalidations`]); for `BOOTSTRAP_ADMIN` no change of any
//!   principal, as its rights depend on whether another administrator exists;
//! - none of its grants and not its account has expired since the read;
//! - it is younger than [`MAX_AGE`], which bounds the effect of a change that was missed;
//! - changes by other replicas can be read, or could be within the time that the operator allows. While they cannot, no entry is valid for
//!   a request that needs an administrative permission.

mod key;
mod unknown;
mod weight;

use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::DefaultHashBuilder;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::cache::hit_counter::{Finds, MemoryReading};
use crate::cache::interner::SharedSets;
use crate::database::{ChangeFeedHealth, InvalidationKey, Invalidations, UpTo, Version};
use crate::models::IdentityKey;
use crate::models::permission::Permission;
use crate::oidc::Claims;

use super::first_contact::{self, Plain};
use super::seats::Seats;
use crate::services::{Failure, KnownPrincipal, ResolvedPrincipal};
use key::{Key, Presented};
pub(crate) use unknown::Unknown;
use unknown::UnknownIdentities;
use weight::{ByBytes, bytes_of};

/// The maximum age of an entry.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);
/// The maximum memory of all entries, in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The maximum number of entries.
const MAX_PRINCIPALS: u64 = 32 * 1024;
/// The initial capacity. The cache grows from there, which keeps the entries of an ordinary load close together in memory.
const EXPECTED: usize = 1024;

/// The cache of principals and unknown identities.
pub(crate) struct PrincipalCache {
    entries: Cache<Key, Arc<ResolvedPrincipal>, ByBytes>,
    unknown: UnknownIdentities,
    /// Direct-mapped cache in front of `entries`, for visits that stay plain [until a known time](Plain::lasts).
    seats: Seats<ResolvedPrincipal>,
    /// Interned sets of granted permissions: most principals share a few.
    granted: SharedSets<Permission>,
    changes: Arc<Invalidations>,
    hit_counter: Finds,
    change_feed: Arc<ChangeFeedHealth>,
    /// In microseconds.
    stale_for: i64,
}

/// The permissions that a request needs, as far as the validity of a cached principal depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No administrative permission.
    Ordinary,
    /// An administrative permission.
    Administrative,
}

/// A refusal that follows from the cache.
pub(crate) struct RefusedPrincipal {
    /// The principal; `None` if the identity is unknown.
    pub(crate) principal: Option<Arc<ResolvedPrincipal>>,
    /// The reason for the refusal.
    pub(crate) why: Failure,
}

/// The conditions under which a cached principal is valid.
#[derive(Debug)]
pub(crate) struct CacheEntry {
    /// The claims for which the principal was read, and which left no changes to record.
    observed: Arc<Claims>,
    subject: InvalidationKey,
    /// The version of the invalidations before the read.
    version: Version,
    is_named_admin: bool,
    age: Age,
    /// The earliest expiry of a grant or of the account, in microseconds since 1970.
    ends: i64,
    /// Identifies further visits that are as plain as the first.
    plain: Plain,
    /// The weight, computed once: what the claims share with others may change.
    bytes: usize,
}

/// The time of a read, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Age {
    since: i64,
    /// [`MAX_AGE`] later.
    fresh_until: i64,
}

impl Age {
    fn of(now: DateTime<Utc>) -> Self {
        Self { since: now.timestamp_micros(), fresh_until: (now + MAX_AGE).timestamp_micros() }
    }
}

impl PrincipalCache {
    pub(crate) fn new(changes: Arc<Invalidations>, change_feed: Arc<ChangeFeedHealth>) -> Self {
        let entries =
            Cache::with(EXPECTED, MAX_BYTES, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let (unknown, seats, granted, hit_counter) = Default::default();
        Self { entries, unknown, seats, granted, changes, hit_counter, change_feed, stale_for: 0 }
    }

    /// The hits, misses and size of the cache.
    pub(crate) fn reading(&self) -> MemoryReading {
        self.hit_counter.reading(self.entries.len() + self.unknown.len())
    }

    /// Sets how long entries stay valid while changes by other replicas cannot be read.
    pub(crate) fn stale_for(self, stale_for: TimeDelta) -> Self {
        Self { stale_for: stale_for.num_microseconds().unwrap_or(i64::MAX), ..self }
    }

    /// The version to take before the read whose result is [inserted](Self::insert).
    pub(crate) fn version(&self) -> Version {
        self.changes.version()
    }

    /// Returns the cached principal of `claims` if the entry is valid at `now`, in microseconds since 1970, and the visit changes nothing.
    pub(crate) fn find(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.find_direct(claims, now, need).or_else(|| self.look_up(claims, now, need));
        if found.is_some() {
            self.hit_counter.hit();
        }
        found
    }

    /// Returns the refusal of `claims` if it follows from an entry that is valid at `now`.
    pub(crate) fn find_refusal(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let refused = self.refused(claims, now, need).or_else(|| self.unknown_identity(claims, now, need));
        if refused.is_some() {
            self.hit_counter.hit();
        }
        refused
    }

    fn refused(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let found = self.entries.get(&Presented(claims))?;
        let entry = found.entry.as_ref()?;
        if !self.is_valid(entry, now, need) {
            return None;
        }
        let moment = DateTime::from_timestamp_micros(now)?;
        let why = first_contact::admit_again(found.principal(), claims, moment).err()?;
        Some(RefusedPrincipal { principal: Some(found), why })
    }

    fn unknown_identity(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let entry = self.unknown.find(&first_contact::identity_of(claims))?;
        let is_valid = entry.is_unchanged(&self.changes) && self.is_fresh(entry.age, now, need);
        let why = entry.what.refusal(claims).filter(|_| is_valid)?;
        Some(RefusedPrincipal { principal: None, why })
    }

    /// Counts a miss, which costs a query.
    pub(crate) fn count_miss(&self) {
        self.hit_counter.miss();
    }

    /// Looks the claims up in the direct-mapped cache, by their address.
    fn find_direct(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.seats.find(claims)?;
        let entry = found.entry.as_ref()?;
        (entry.plain.lasts(now) && self.is_valid(entry, now, need)).then_some(found)
    }

    fn look_up(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.entries.get(&Presented(claims))?;
        let entry = found.entry.as_ref()?;
        if !self.is_valid(entry, now, need) {
            return None;
        }
        if entry.plain.covers(&entry.observed, claims, now) {
            self.seats.put(claims, &found);
            return Some(found);
        }
        let (principal, is_same) = (found.principal(), Arc::ptr_eq(&entry.observed, claims));
        let is_plain = |now| first_contact::is_plain(principal, claims, is_same, now);
        if !DateTime::from_timestamp_micros(now).is_some_and(is_plain) {
            return None;
        }
        if first_contact::plain_until(principal, claims).is_some() {
            self.seats.put(claims, &found);
        }
        Some(found)
    }

    fn is_valid(&self, entry: &CacheEntry, now: i64, need: Need) -> bool {
        entry.is_unchanged(&self.changes) && now < entry.ends && self.is_fresh(entry.age, now, need)
    }

    fn is_fresh(&self, age: Age, now: i64, need: Need) -> bool {
        if now < age.since {
            return false;
        }
        match self.change_feed.knowledge(now) {
            UpTo::Now => now < age.fresh_until,
            UpTo::Moment(_) if need == Need::Administrative => false,
            UpTo::Moment(checked_at) => {
                // An entry that was fresh at the last check of the change feed was confirmed by it.
                let is_confirmed = (age.since..age.fresh_until).contains(&checked_at);
                let confirmed_at = if is_confirmed { checked_at } else { age.since };
                now < confirmed_at.saturating_add(self.stale_for)
            }
        }
    }

    /// Inserts the principal of `claims`, admitted or not, as read after `version` was taken, and returns it. Inserts nothing if the
    /// principal has changed since.
    pub(crate) fn insert(
        &self,
        claims: &Arc<Claims>,
        known: KnownPrincipal,
        identity: &str,
        version: Version,
        is_named_admin: bool,
        now: DateTime<Utc>,
    ) -> Arc<ResolvedPrincipal> {
        let subject = InvalidationKey::of(&known.principal().id);
        let age = Age::of(now);
        let ends = earliest_expiry(&known, now).map_or(i64::MAX, |end| end.timestamp_micros());
        let plain = Plain::of(known.principal(), claims);
        let observed = Arc::clone(claims);
        let key = Key::of(claims);
        let bytes = key.bytes() + bytes_of(&known) + size_of::<(Key, ResolvedPrincipal)>() + observed.bytes();
        let entry = CacheEntry { observed, subject, version, is_named_admin, age, ends, plain, bytes };
        let is_unchanged = entry.is_unchanged(&self.changes);
        let granted = self.granted.share(known.permissions().into_iter().collect::<Vec<_>>());
        let resolved = Arc::new(ResolvedPrincipal::new(known, identity, granted, Some(entry)));
        if is_unchanged {
            self.entries.insert(key, Arc::clone(&resolved));
        }
        resolved
    }

    /// Inserts that the identity is unknown, as read after `version` was taken.
    pub(crate) fn insert_unknown(&self, identity: &IdentityKey, what: Unknown, version: Version, now: DateTime<Utc>) {
        self.unknown.insert(identity, what, version, Age::of(now));
    }
}

impl CacheEntry {
    fn is_unchanged(&self, changes: &Invalidations) -> bool {
        if self.is_named_admin {
            changes.is_all_unchanged(self.version)
        } else {
            changes.is_unchanged(self.subject, self.version)
        }
    }
}

/// Returns the earliest expiry of a grant or the account after `now`.
fn earliest_expiry(known: &KnownPrincipal, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let grants = known.roles().iter().filter_map(|role| role.expires_at);
    grants.chain(known.principal().expires_at).map(|end| end.utc()).filter(|end| now < *end).min()
}

#[cfg(test)]
mod tests;
