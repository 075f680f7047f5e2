//! Principals that came lately, so that the next request of one costs no transaction.
//!
//! What is remembered is what a reading transaction found: a principal and the roles it holds with the role names of one token; or that
//! nobody has the identity ([`UnknownIdentities`]). Whether the principal is admitted is decided anew with every presentation, so a
//! refusal that is repeated costs no more than an admission. What is remembered is used only for a presentation that would change
//! nothing, and no longer than
//!
//! - nobody has changed the principal, or everyone, since before it was read ([`Invalidations`]); for whoever `BOOTSTRAP_ADMIN` names, nobody
//!   at all, for what they are depends on whether there is an admin;
//! - none of its grants has ended, nor its account;
//! - [`MAX_AGE`]: should a change have gone unnoticed, that is how long it can;
//! - and while changes of other replicas can't be looked for, the time that the operator allows since they last could, and not at all where
//!   an administrative permission is asked for.

mod key;
mod unknown;
mod weight;

use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::DefaultHashBuilder;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::database::{ChangeFeedHealth, InvalidationKey, Invalidations, UpTo, Version};
use crate::hit_counter::{Finds, MemoryReading};
use crate::interner::SharedSets;
use crate::models::IdentityKey;
use crate::models::permission::Permission;
use crate::oidc::Claims;

use super::first_contact::{self, Plain};
use super::seats::Seats;
use super::{Failure, KnownPrincipal, ResolvedPrincipal};
use key::{Key, Presented};
pub(super) use unknown::Unknown;
use unknown::UnknownIdentities;
use weight::{ByBytes, bytes_of};

/// How long a principal is remembered, whatever happens.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);
/// The most memory that remembered principals may take, in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// How many are remembered at the most.
const MAX_PRINCIPALS: u64 = 32 * 1024;
/// How many there is room for from the start: it grows, and those of an ordinary day lie closer together.
const EXPECTED: usize = 1024;

/// The latest principals.
pub(super) struct PrincipalCache {
    entries: Cache<Key, Arc<ResolvedPrincipal>, ByBytes>,
    unknown: UnknownIdentities,
    /// Those whose presentation stays plain [for a while](Plain::lasts).
    seats: Seats<ResolvedPrincipal>,
    /// What their roles grant: few of them differ in that.
    granted: SharedSets<Permission>,
    changes: Arc<Invalidations>,
    finds: Finds,
    change_feed: Arc<ChangeFeedHealth>,
    /// Microseconds.
    stale_for: i64,
}

/// What somebody remembered is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anything but what follows.
    Ordinary,
    /// An administrative permission.
    Administrative,
}

/// A principal that is known from memory to be refused.
pub(crate) struct RefusedPrincipal {
    /// `None` where nobody has the identity.
    pub(crate) principal: Option<Arc<ResolvedPrincipal>>,
    /// Why it is refused.
    pub(crate) why: Failure,
}

/// What a remembered principal rests on.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Those that it was read for, which had nothing that was left to be noted.
    observed: Arc<Claims>,
    subject: InvalidationKey,
    /// Taken before it was read.
    version: Version,
    is_named_admin: bool,
    age: Age,
    /// When the first of what it has ends by itself, in microseconds since 1970.
    ends: i64,
    /// Which presentations are as plain as the one that it was read for.
    plain: Plain,
    /// As weighed once: what the claims share with others may change.
    bytes: usize,
}

/// When something was read, in microseconds since 1970.
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
    pub(super) fn new(changes: Arc<Invalidations>, change_feed: Arc<ChangeFeedHealth>) -> Self {
        let entries =
            Cache::with(EXPECTED, MAX_BYTES, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let (unknown, seats, granted, finds) = Default::default();
        Self { entries, unknown, seats, granted, changes, finds, change_feed, stale_for: 0 }
    }

    /// How it stands.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.entries.len() + self.unknown.len())
    }

    /// The same, which goes on for so long where changes of others can't be looked for.
    pub(super) fn stale_for(self, stale_for: TimeDelta) -> Self {
        Self { stale_for: stale_for.num_microseconds().unwrap_or(i64::MAX), ..self }
    }

    /// To be taken before reading what is to be [kept](Self::keep).
    pub(super) fn version(&self) -> Version {
        self.changes.version()
    }

    /// The principal behind `claims`, where it is remembered, is so still `now`, in microseconds since 1970, and the presentation changes
    /// nothing.
    pub(super) fn find(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.at_seat(claims, now, need).or_else(|| self.look_up(claims, now, need));
        if found.is_some() {
            self.finds.hit();
        }
        found
    }

    /// Why the principal behind `claims` is not admitted, where that is known from memory and is so still `now`.
    pub(super) fn find_refusal(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let refused = self.refused(claims, now, need).or_else(|| self.unknown_identity(claims, now, need));
        if refused.is_some() {
            self.finds.hit();
        }
        refused
    }

    fn refused(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let found = self.entries.get(&Presented(claims))?;
        let entry = found.remembered.as_ref()?;
        if !self.is_good(entry, now, need) {
            return None;
        }
        let moment = DateTime::from_timestamp_micros(now)?;
        let why = first_contact::admit_again(found.principal(), claims, moment).err()?;
        Some(RefusedPrincipal { principal: Some(found), why })
    }

    fn unknown_identity(&self, claims: &Claims, now: i64, need: Need) -> Option<RefusedPrincipal> {
        let entry = self.unknown.find(&first_contact::identity_of(claims))?;
        let is_good = entry.is_unchanged(&self.changes) && self.is_timely(entry.age, now, need);
        let why = entry.what.refusal(claims).filter(|_| is_good)?;
        Some(RefusedPrincipal { principal: None, why })
    }

    /// To be called where nothing was found and the database has to be asked.
    pub(super) fn note_miss(&self) {
        self.finds.miss();
    }

    /// Whoever was found with these very claims before.
    fn at_seat(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.seats.find(claims)?;
        let entry = found.remembered.as_ref()?;
        (entry.plain.lasts(now) && self.is_good(entry, now, need)).then_some(found)
    }

    fn look_up(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.entries.get(&Presented(claims))?;
        let entry = found.remembered.as_ref()?;
        if !self.is_good(entry, now, need) {
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

    fn is_good(&self, entry: &Remembered, now: i64, need: Need) -> bool {
        entry.is_unchanged(&self.changes) && now < entry.ends && self.is_timely(entry.age, now, need)
    }

    fn is_timely(&self, age: Age, now: i64, need: Need) -> bool {
        if now < age.since {
            return false;
        }
        match self.change_feed.knowledge(now) {
            UpTo::Now => now < age.fresh_until,
            UpTo::Moment(_) if need == Need::Administrative => false,
            UpTo::Moment(looked_at) => {
                // Whoever was remembered when it was last looked was so still.
                let is_as_of_look = (age.since..age.fresh_until).contains(&looked_at);
                let known_at = if is_as_of_look { looked_at } else { age.since };
                now < known_at.saturating_add(self.stale_for)
            }
        }
    }

    /// Remembers who `claims` presented, admitted or not, as read after `mark`, and returns who that is.
    pub(super) fn keep(
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
        let ends = end_of_what_holds(&known, now).map_or(i64::MAX, |end| end.timestamp_micros());
        let plain = Plain::of(known.principal(), claims);
        let observed = Arc::clone(claims);
        let key = Key::of(claims);
        let bytes = key.bytes() + bytes_of(&known) + size_of::<(Key, ResolvedPrincipal)>() + observed.bytes();
        let entry = Remembered { observed, subject, version, is_named_admin, age, ends, plain, bytes };
        let is_unchanged = entry.is_unchanged(&self.changes);
        let granted = self.granted.share(known.permissions().into_iter().collect::<Vec<_>>());
        let resolved = Arc::new(ResolvedPrincipal::new(known, identity, granted, Some(entry)));
        if is_unchanged {
            self.entries.insert(key, Arc::clone(&resolved));
        }
        resolved
    }

    /// Remembers that nobody has this identity, as read after `mark`.
    pub(super) fn keep_unknown(&self, identity: &IdentityKey, what: Unknown, version: Version, now: DateTime<Utc>) {
        self.unknown.keep(identity, what, version, Age::of(now));
    }
}

impl Remembered {
    fn is_unchanged(&self, changes: &Invalidations) -> bool {
        if self.is_named_admin {
            changes.is_all_unchanged(self.version)
        } else {
            changes.is_unchanged(self.subject, self.version)
        }
    }
}

/// When the first of what a principal has ends by itself: a grant or the account. What has ended before holds nothing any more.
fn end_of_what_holds(known: &KnownPrincipal, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let grants = known.roles().iter().filter_map(|role| role.expires_at);
    grants.chain(known.principal().expires_at).map(|end| end.utc()).filter(|end| now < *end).min()
}

#[cfg(test)]
mod tests;
