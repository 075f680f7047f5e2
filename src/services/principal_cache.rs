//! Principals that came lately, so that the next request of one costs no transaction.
//!
//! What is remembered is what a reading transaction found: a principal and the roles it holds with the role names of one token. It is
//! used only for a presentation that would change nothing, and no longer than
//!
//! - nobody has changed the principal, or everyone, since before it was read ([`Changes`]); for whoever `BOOTSTRAP_ADMIN` names, nobody
//!   at all, for what they are depends on whether there is an admin;
//! - none of its grants has ended, nor its account;
//! - [`MAX_AGE`]: should a change have gone unnoticed, that is how long it can;
//! - and while changes of other replicas can't be looked for, the time that the operator allows since they last could, and not at all where
//!   an administrative permission is asked for.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, Weighter};

use crate::database::{Changes, Freshness, Knowledge, Mark, Subject};
use crate::finds::{Finds, MemoryReading};
use crate::models::Principal;
use crate::models::permission::Permission;
use crate::oidc::{Claims, SubjectKind};
use crate::shared_sets::SharedSets;

use super::first_contact::{self, Plain};
use super::seats::Seats;
use super::{KnownPrincipal, ResolvedPrincipal};

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
    /// Those whose presentation stays plain [for a while](Plain::lasts).
    seats: Seats<ResolvedPrincipal>,
    /// What their roles grant: few of them differ in that.
    granted: SharedSets<Permission>,
    changes: Arc<Changes>,
    finds: Finds,
    freshness: Arc<Freshness>,
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

/// How a principal was presented.
#[derive(PartialEq, Eq)]
struct Key {
    issuer: String,
    kind: SubjectKind,
    subject: String,
    /// The role names that the token carried.
    roles: BTreeSet<String>,
    /// Those among them that its issuer may give although they hold administrative permissions.
    administrative: BTreeSet<String>,
}

/// What a remembered principal rests on.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Those that it was read for, which had nothing that was left to be noted.
    observed: Arc<Claims>,
    subject: Subject,
    /// Taken before it was read.
    mark: Mark,
    is_named_admin: bool,
    /// When it was read. These times are in microseconds since 1970.
    since: i64,
    /// [`MAX_AGE`] later.
    fresh_until: i64,
    /// When the first of what it has ends by itself.
    ends: i64,
    /// Which presentations are as plain as the one that it was read for.
    plain: Plain,
    /// As weighed once: what the claims share with others may change.
    bytes: usize,
}

impl PrincipalCache {
    pub(super) fn new(changes: Arc<Changes>, freshness: Arc<Freshness>) -> Self {
        let entries =
            Cache::with(EXPECTED, MAX_BYTES, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let (seats, granted, finds) = Default::default();
        Self { entries, seats, granted, changes, finds, freshness, stale_for: 0 }
    }

    /// How it stands.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.entries.len())
    }

    /// The same, which goes on for so long where changes of others can't be looked for.
    pub(super) fn stale_for(self, stale_for: TimeDelta) -> Self {
        Self { stale_for: stale_for.num_microseconds().unwrap_or(i64::MAX), ..self }
    }

    /// To be taken before reading what is to be [kept](Self::keep).
    pub(super) fn mark(&self) -> Mark {
        self.changes.mark()
    }

    /// The principal behind `claims`, where it is remembered, is so still `now`, in microseconds since 1970, and the presentation changes
    /// nothing.
    pub(super) fn find(&self, claims: &Arc<Claims>, now: i64, need: Need) -> Option<Arc<ResolvedPrincipal>> {
        let found = self.at_seat(claims, now, need).or_else(|| self.look_up(claims, now, need));
        if found.is_some() {
            self.finds.hit()
        } else {
            self.finds.miss()
        }
        found
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
        entry.is_unchanged(&self.changes) && self.is_timely(entry, now, need)
    }

    fn is_timely(&self, entry: &Remembered, now: i64, need: Need) -> bool {
        if now < entry.since || entry.ends <= now {
            return false;
        }
        match self.freshness.knowledge(now) {
            Knowledge::Current => now < entry.fresh_until,
            Knowledge::Until(_) if need == Need::Administrative => false,
            Knowledge::Until(looked_at) => {
                // Whoever was remembered when it was last looked was so still.
                let is_as_of_look = (entry.since..entry.fresh_until).contains(&looked_at);
                let known_at = if is_as_of_look { looked_at } else { entry.since };
                now < known_at.saturating_add(self.stale_for)
            }
        }
    }

    /// Remembers who `claims` presented, as read after `mark`, and returns who that is.
    pub(super) fn keep(
        &self,
        claims: &Arc<Claims>,
        known: KnownPrincipal,
        identity: &str,
        mark: Mark,
        is_named_admin: bool,
        now: DateTime<Utc>,
    ) -> Arc<ResolvedPrincipal> {
        let subject = Subject::of(&known.principal().id);
        let (since, fresh_until) = (now.timestamp_micros(), (now + MAX_AGE).timestamp_micros());
        let ends = end_of_what_holds(&known).map_or(i64::MAX, |end| end.timestamp_micros());
        let plain = Plain::of(known.principal(), claims);
        let observed = Arc::clone(claims);
        let key = Key::of(claims);
        let bytes = bytes_of_key(&key) + bytes_of(&known) + size_of::<(Key, ResolvedPrincipal)>() + observed.bytes();
        let entry = Remembered { observed, subject, mark, is_named_admin, since, fresh_until, ends, plain, bytes };
        let is_unchanged = entry.is_unchanged(&self.changes);
        let granted = self.granted.share(known.permissions().into_iter().collect::<Vec<_>>());
        let resolved = Arc::new(ResolvedPrincipal::new(known, identity, granted, Some(entry)));
        if is_unchanged {
            self.entries.insert(key, Arc::clone(&resolved));
        }
        resolved
    }
}

impl Remembered {
    fn is_unchanged(&self, changes: &Changes) -> bool {
        if self.is_named_admin {
            changes.is_all_unchanged(self.mark)
        } else {
            changes.is_unchanged(self.subject, self.mark)
        }
    }
}

/// When the first of what a principal has ends by itself: a grant or the account.
fn end_of_what_holds(known: &KnownPrincipal) -> Option<DateTime<Utc>> {
    let grants = known.roles().iter().filter_map(|role| role.expires_at);
    grants.chain(known.principal().expires_at).map(|end| end.utc()).min()
}

/// The claims as a key to be found by.
struct Presented<'a>(&'a Claims);

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let claims = self.0;
        hash(claims.issuer(), claims.kind(), claims.subject(), claims.roles().iter(), state);
    }
}

impl Equivalent<Key> for Presented<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let claims = self.0;
        claims.subject() == key.subject
            && claims.kind() == key.kind
            && claims.issuer() == key.issuer
            && key.roles == *claims.roles()
            && key.administrative.iter().eq(administrative(claims))
    }
}

impl Key {
    fn of(claims: &Claims) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            kind: claims.kind(),
            subject: claims.subject().to_owned(),
            roles: claims.roles().clone(),
            administrative: administrative(claims).cloned().collect(),
        }
    }
}

/// The administrative roles that count of those that the token carries. The issuer's settings can be read again while it is cached.
fn administrative(claims: &Claims) -> impl Iterator<Item = &String> {
    claims.administrative_roles().intersection(claims.roles())
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.issuer, self.kind, &self.subject, self.roles.iter(), state);
    }
}

fn hash<'a>(
    issuer: &str,
    kind: SubjectKind,
    subject: &str,
    roles: impl Iterator<Item = &'a String>,
    state: &mut impl Hasher,
) {
    (issuer, kind, subject).hash(state);
    roles.for_each(|role| role.hash(state));
}

/// Weighs what is remembered by the memory that it takes, roughly. The least weight bounds the number as well.
#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Arc<ResolvedPrincipal>> for ByBytes {
    fn weight(&self, _: &Key, entry: &Arc<ResolvedPrincipal>) -> u64 {
        let bytes = entry.remembered.as_ref().map_or(0, |remembered| remembered.bytes);
        u64::try_from(bytes).unwrap_or(u64::MAX).max(MAX_BYTES / MAX_PRINCIPALS)
    }
}

/// What the allocator takes for a short text, or adds to a longer one.
const PER_TEXT: usize = 40;

fn bytes_of_key(key: &Key) -> usize {
    let roles: usize = key.roles.iter().map(|role| role.len() + PER_TEXT).sum();
    key.issuer.len() + key.subject.len() + roles
}

fn bytes_of(known: &KnownPrincipal) -> usize {
    let Principal { display_name, given_name, family_name, username, email, locale, .. } = known.principal();
    let texts = [display_name, given_name, family_name, username, email, locale];
    // Twice: the provider's words are kept beside those that are shown.
    let texts: usize = texts.into_iter().flatten().map(|text| 2 * (text.len() + PER_TEXT)).sum();
    let roles = known.roles().iter();
    let roles: usize =
        roles.map(|role| size_of::<super::HeldRole>() + role.name.len() + role.permissions.len() * PER_TEXT).sum();
    size_of::<KnownPrincipal>() + texts + roles
}

#[cfg(test)]
mod tests;
