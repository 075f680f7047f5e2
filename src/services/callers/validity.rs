//! How long what was read from the database about an identity stays valid.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::first_contact;
use crate::cache::hit_counter::HitCounter;
use crate::database::{ChangeFeedHealth, InvalidationKey, Invalidations, UpTo, Version};
use crate::oidc::Claims;
use crate::services::KnownPrincipal;

/// The maximum age of an entry. It bounds the effect of a change that was missed.
pub(crate) const MAX_AGE: TimeDelta = TimeDelta::seconds(60);

/// The permissions that a request needs, as far as the validity of a cached principal depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No administrative permission.
    Ordinary,
    /// An administrative permission.
    Administrative,
}

/// The changes on which all entries depend, and the counter of lookups.
#[derive(Debug)]
pub(crate) struct ValidityRules {
    pub(crate) changes: Arc<Invalidations>,
    pub(crate) change_feed: Arc<ChangeFeedHealth>,
    /// How long entries stay valid while changes by other replicas cannot be read, in microseconds.
    pub(crate) stale_for: i64,
    pub(crate) lookups: HitCounter,
}

/// The time of a read, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    since: i64,
    /// [`MAX_AGE`] later.
    fresh_until: i64,
}

/// The conditions under which a principal that was read is valid.
#[derive(Debug)]
pub(crate) struct PrincipalValidity {
    rules: Arc<ValidityRules>,
    subject: InvalidationKey,
    /// The version of the invalidations before the read.
    version: Version,
    /// Whether `BOOTSTRAP_ADMIN` names it: its rights depend on whether another administrator exists.
    is_named_admin: bool,
    age: Age,
    /// The earliest expiry of a grant or of the account, in microseconds since 1970.
    ends: i64,
    /// [`first_contact::settled_until`] in microseconds since 1970, or the minimum.
    settled_until: i64,
    /// Tokens issued earlier are revoked.
    not_before: Option<DateTime<Utc>>,
}

impl Age {
    pub(crate) fn of(now: DateTime<Utc>) -> Self {
        Self { since: now.timestamp_micros(), fresh_until: (now + MAX_AGE).timestamp_micros() }
    }
}

impl ValidityRules {
    /// Whether an entry of this age is valid at `now`, as far as changes by other replicas are concerned.
    pub(crate) fn is_fresh(&self, age: Age, need: Need, now: i64) -> bool {
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
}

impl PrincipalValidity {
    /// The validity of a principal that was read at `now`, after `version` was taken.
    pub(crate) fn new(
        rules: Arc<ValidityRules>,
        known: &KnownPrincipal,
        version: Version,
        is_named_admin: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let principal = known.principal();
        Self {
            rules,
            subject: InvalidationKey::of(&principal.id),
            version,
            is_named_admin,
            age: Age::of(now),
            ends: earliest_expiry(known, now).map_or(i64::MAX, |end| end.timestamp_micros()),
            settled_until: first_contact::settled_until(principal).map_or(i64::MIN, |until| until.timestamp_micros()),
            not_before: principal.not_before.map(|moment| moment.utc()),
        }
    }

    /// Whether the principal is still valid at `now`, in microseconds since 1970. Costs a few loads.
    pub(crate) fn is_valid(&self, need: Need, now: i64) -> bool {
        self.is_unchanged() && now < self.ends && self.rules.is_fresh(self.age, need, now)
    }

    /// Whether neither the principal nor, for `BOOTSTRAP_ADMIN`, any other principal was changed since it was read.
    pub(crate) fn is_unchanged(&self) -> bool {
        if self.is_named_admin {
            self.rules.changes.is_all_unchanged(self.version)
        } else {
            self.rules.changes.is_unchanged(self.subject, self.version)
        }
    }

    /// Whether a token that was admitted, and [stays without effect](first_contact::stays_without_effect), is still admitted and without
    /// effect at `now`, as long as the principal is valid. Reads nothing but this value and the time of the token.
    pub(crate) fn is_settled(&self, claims: &Claims, now: i64) -> bool {
        let is_revoked = |not_before| claims.issued_at().is_none_or(|issued_at| issued_at < not_before);
        now < self.settled_until && !self.not_before.is_some_and(is_revoked)
    }

    pub(crate) fn count_hit(&self) {
        self.rules.lookups.hit();
    }
}

/// Returns the earliest expiry of a grant or the account after `now`.
fn earliest_expiry(known: &KnownPrincipal, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let grants = known.roles().iter().filter_map(|role| role.expires_at);
    grants.chain(known.principal().expires_at).map(|end| end.utc()).filter(|end| now < *end).min()
}
