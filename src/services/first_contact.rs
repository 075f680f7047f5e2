//! What a presented token tells about its principal, and what is done about it: made, described, noticed, made admin.
//!
//! Everything here runs inside the caller's writing transaction and repeats no decision made outside it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::database::DbConnection;
use crate::models::{
    ADMIN, AuditAction, AuditEvent, ClaimRoles, Grant, GrantSource, Identity, IdentityKey, MEMBER, Moment, Origin,
    Principal, PrincipalId, PrincipalKind, PrincipalStatus,
};
use crate::oidc::{Claims, JitMode, SubjectKind};
use crate::repositories::{audit_events, grants, identities, principals};

use super::held_role::ClaimedRoles;
use super::{Failure, provider_profile};

/// How long a principal may come and go before it is noted again that it was seen.
const NOTICE_EVERY: TimeDelta = TimeDelta::hours(1);

/// How long role names seen are kept before other ones take their place: somebody with two clients, whose tokens differ, is not
/// written with every request.
const KEEP_ROLES_FOR: TimeDelta = TimeDelta::minutes(1);

/// One presentation of a proved token.
pub(super) struct TokenVisit {
    pub(super) identity: IdentityKey,
    /// The role names that the token carries.
    pub(super) roles: BTreeSet<String>,
    pub(super) jit: JitMode,
    pub(super) now: DateTime<Utc>,
    claims: Claims,
}

impl TokenVisit {
    pub(super) fn new(claims: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            identity: identity_of(claims),
            roles: claims.roles().clone(),
            jit: claims.jit(),
            now,
            claims: claims.clone(),
        }
    }

    /// The role names that the token carries, as they count here.
    pub(super) fn claimed_roles(&self) -> ClaimedRoles<'_> {
        ClaimedRoles::new(&self.roles, self.claims.administrative_roles())
    }

    fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.claims.issued_at()
    }

    /// When the token said what it says: when it was issued, or now where it does not tell.
    fn said_at(&self) -> DateTime<Utc> {
        self.issued_at().unwrap_or(self.now)
    }

    fn moment(&self) -> Moment {
        self.now.into()
    }
}

/// The identity that a token presents.
pub(super) fn identity_of(claims: &Claims) -> IdentityKey {
    let kind = match claims.kind() {
        SubjectKind::Human => PrincipalKind::Human,
        SubjectKind::Machine => PrincipalKind::Machine,
    };
    IdentityKey { issuer: claims.issuer().to_owned(), kind, subject: claims.subject().to_owned() }
}

/// Whether a token that was issued then is no older than the last one that `principal` was described by. One that does not tell its
/// age counts once in a while, so that two of them that differ do not make every request a write.
fn is_news(principal: &Principal, issued_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    principal.provider_profile.as_of.is_none_or(|as_of| match issued_at {
        Some(issued_at) => issued_at >= as_of,
        None => now - as_of >= KEEP_ROLES_FOR,
    })
}

/// Whether it is time to note again that `principal` was seen.
fn is_due(principal: &Principal, now: DateTime<Utc>) -> bool {
    principal.last_seen_at.is_none_or(|seen| now - seen.utc() >= NOTICE_EVERY)
}

/// Whether role names that differ may take the place of those seen.
fn may_keep_roles(principal: &Principal, now: DateTime<Utc>) -> bool {
    principal.claim_roles_at.is_none_or(|seen| now - seen.utc() >= KEEP_ROLES_FOR)
}

/// Whether `principal` may come in with this token and there is nothing to note of it: [`admit`] and [`observe`] in one, for whoever
/// comes again and again, without a copy of anything. `is_same` says that `principal` was [observed](observe) with these very claims.
pub(super) fn is_plain(principal: &Principal, claims: &Claims, is_same: bool, now: DateTime<Utc>) -> bool {
    let issued_at = claims.issued_at();
    // Whether a token that does not tell its age is news depends on when that is asked.
    let is_profile_same = is_same && issued_at.is_some();
    admit_at(principal, issued_at, now, false).is_ok()
        && !is_due(principal, now)
        && (!may_keep_roles(principal, now) || principal.claim_roles.0 == *claims.roles())
        && (is_profile_same
            || principal.kind != PrincipalKind::Human
            || !is_news(principal, issued_at, now)
            || provider_profile::is_followed(principal, &claims.profile()))
}

/// Until when a presentation that [is plain](is_plain) stays so, while neither `principal` nor `claims` change. `None` where that is
/// for each time to say.
pub(super) fn plain_until(principal: &Principal, claims: &Claims) -> Option<DateTime<Utc>> {
    // Whoever is not admitted is refused each time, for a reason that is found each time.
    if principal.status != PrincipalStatus::Active {
        return None;
    }
    // Without its age a token is news every now and then; role names that differ wait to be noted.
    if claims.issued_at().is_none() || principal.claim_roles.0 != *claims.roles() {
        return None;
    }
    let due = principal.last_seen_at?.utc() + NOTICE_EVERY;
    Some(principal.expires_at.map_or(due, |end| end.utc().min(due)))
}

/// What was found of a principal when a presentation [was plain](is_plain): enough to know another plain one without a look at the
/// principal itself, which lies spread over some twenty places. Times are in microseconds since 1970.
#[derive(Debug)]
pub(super) struct Plain {
    /// [`plain_until`], or the beginning of time.
    until: i64,
    /// Tokens issued earlier are void.
    not_before: i64,
    /// Whether the claims described the principal as it is, or nobody cares.
    is_followed: bool,
}

impl Plain {
    /// Of `principal`, which `observed` presented.
    pub(super) fn of(principal: &Principal, observed: &Claims) -> Self {
        Self {
            until: plain_until(principal, observed).map_or(i64::MIN, |until| until.timestamp_micros()),
            not_before: principal.not_before.map_or(i64::MIN, |moment| moment.utc().timestamp_micros()),
            is_followed: principal.kind != PrincipalKind::Human
                || provider_profile::is_followed(principal, &observed.profile()),
        }
    }

    /// Whether claims that are known to have been plain are so still.
    pub(super) fn lasts(&self, now: i64) -> bool {
        now < self.until
    }

    /// Whether `claims`, which carry the same role names as `observed`, are plain as well. `false` where that takes a closer look.
    pub(super) fn covers(&self, observed: &Claims, claims: &Claims, now: i64) -> bool {
        let is_of_now = |issued_at: DateTime<Utc>| issued_at.timestamp_micros() >= self.not_before;
        self.lasts(now)
            && claims.issued_at().is_some_and(is_of_now)
            && self.is_followed
            && observed.describes_as(claims)
    }
}

/// Whether `principal` may come in with this token. `BOOTSTRAP_ADMIN` need not wait for an admin: it is there for want of one.
pub(super) fn admit(principal: &Principal, visit: &TokenVisit, is_bootstrap: bool) -> Result<(), Failure> {
    admit_at(principal, visit.issued_at(), visit.now, is_bootstrap)
}

/// As [`admit`], of a principal that is remembered; `BOOTSTRAP_ADMIN` is not, while there is none.
pub(super) fn admit_again(principal: &Principal, claims: &Claims, now: DateTime<Utc>) -> Result<(), Failure> {
    admit_at(principal, claims.issued_at(), now, false)
}

fn admit_at(
    principal: &Principal,
    issued_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    is_bootstrap: bool,
) -> Result<(), Failure> {
    match principal.status {
        PrincipalStatus::Deleted => Err(Failure::PrincipalDeleted),
        PrincipalStatus::Disabled => Err(Failure::PrincipalDisabled),
        PrincipalStatus::Pending if !is_bootstrap => Err(Failure::PrincipalPending),
        PrincipalStatus::Pending | PrincipalStatus::Active if principal.has_expired(now) => {
            Err(Failure::PrincipalDisabled)
        }
        PrincipalStatus::Pending | PrincipalStatus::Active => match principal.not_before {
            Some(not_before) if issued_at.is_none_or(|issued_at| issued_at < not_before.utc()) => {
                Err(Failure::TokenRevoked)
            }
            _ => Ok(()),
        },
    }
}

/// What a contact changed in a principal.
#[derive(Default)]
pub(super) struct Observed {
    /// The names of what a client sees change.
    followed: Vec<&'static str>,
    noticed: bool,
}

impl Observed {
    /// Whether there is anything to write.
    pub(super) fn is_something(&self) -> bool {
        self.noticed || !self.followed.is_empty()
    }
}

/// Brings `principal` up to what the contact says of it, in memory.
pub(super) fn observe(principal: &mut Principal, visit: &TokenVisit) -> Observed {
    let said_before = principal.provider_profile.clone();
    let followed = match principal.kind {
        PrincipalKind::Human if is_news(principal, visit.issued_at(), visit.now) => {
            provider_profile::sync_from_provider(principal, &visit.claims.profile())
        }
        // An older token must not bring back what a newer one has changed.
        PrincipalKind::Human => Vec::new(),
        // A program is described by the admin who registered it.
        PrincipalKind::Machine => Vec::new(),
    };
    if !followed.is_empty() {
        principal.mark_edited(visit.moment());
    }
    if !followed.is_empty() || principal.provider_profile != said_before {
        principal.provider_profile.as_of = Some(visit.said_at());
    }
    let has_other_roles = principal.claim_roles.0 != visit.roles && may_keep_roles(principal, visit.now);
    // What the provider says of an edited field is not shown, but kept: the edit may be taken back.
    let noticed = is_due(principal, visit.now) || has_other_roles || principal.provider_profile != said_before;
    if noticed {
        principal.last_seen_at = Some(visit.moment());
        principal.claim_roles = ClaimRoles(visit.roles.clone());
        principal.claim_roles_at = Some(visit.moment());
    }
    Observed { followed, noticed }
}

/// Writes what [`observe`] found.
pub(super) fn save_observed(
    conn: &mut DbConnection,
    principal: &Principal,
    observed: &Observed,
    visit: &TokenVisit,
) -> Result<(), Failure> {
    principals::update(conn, principal)?;
    if !observed.followed.is_empty() {
        let event = AuditEvent::new(visit.moment(), AuditAction::FollowProvider, principal.id)
            .with("fields", observed.followed.clone());
        audit_events::append(conn, &event)?;
    }
    Ok(())
}

/// Makes the principal of a person never seen before, with the role that new people get.
pub(super) fn make_person(
    conn: &mut DbConnection,
    visit: &TokenVisit,
    jit: JitMode,
) -> Result<(Principal, Identity), Failure> {
    let status = match jit {
        JitMode::Active => PrincipalStatus::Active,
        JitMode::Pending => PrincipalStatus::Pending,
        JitMode::Off => return Err(Failure::UnknownPrincipal),
    };
    let now = visit.moment();
    let mut person = Principal::new(PrincipalKind::Human, status, Origin::FirstContact, now);
    observe(&mut person, visit);
    person.version = 1;
    principals::insert(conn, &person)?;
    let identity = Identity::new(person.id, &visit.identity, now);
    identities::insert(conn, &identity)?;
    grants::insert(conn, &given_by_service(person.id, MEMBER, GrantSource::Manual, now))?;
    let event = AuditEvent::new(now, AuditAction::CreateUser, person.id).with("status", status.as_str());
    audit_events::append(conn, &event)?;
    Ok((person, identity))
}

/// Makes `principal` an active admin, because there is none.
pub(super) fn make_first_admin(
    conn: &mut DbConnection,
    principal: &mut Principal,
    visit: &TokenVisit,
) -> Result<(), Failure> {
    let now = visit.moment();
    principal.status = PrincipalStatus::Active;
    principal.mark_edited(now);
    principals::update(conn, principal)?;
    // An earlier grant that has an end, or came too early, gives way.
    grants::delete_given_here(conn, principal.id, ADMIN)?;
    grants::insert(conn, &given_by_service(principal.id, ADMIN, GrantSource::Bootstrap, now))?;
    let event = AuditEvent::new(now, AuditAction::BootstrapAdmin, principal.id).with("role", ADMIN);
    Ok(audit_events::append(conn, &event)?)
}

fn given_by_service(principal: PrincipalId, role: &str, source: GrantSource, now: Moment) -> Grant {
    Grant {
        principal_id: principal,
        role: role.to_owned(),
        source,
        source_ref: String::new(),
        granted_by: None,
        granted_at: now,
        expires_at: None,
    }
}
