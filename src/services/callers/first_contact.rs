//! Just-in-time provisioning: a token's effects on its principal. It is created, updated from the provider, recorded as seen, or made the
//! first administrator.
//!
//! The writes run in the transaction of the calling service.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::database::DbConnection;
use crate::models::{
    ADMIN, AuditAction, AuditEvent, ClaimRoles, Grant, GrantSource, Identity, IdentityKey, MEMBER, Moment, Origin,
    Principal, PrincipalId, PrincipalKind, PrincipalStatus,
};
use crate::oidc::{Claims, JitMode, SubjectKind};
use crate::repositories::{audit_events, grants, identities, principals};

use super::provider_profile;
use crate::services::Failure;
use crate::services::roles::held_role::ClaimedRoles;

/// The interval between two updates of the time at which a principal was last seen.
const RECORD_SEEN_EVERY: TimeDelta = TimeDelta::hours(1);

/// How long recorded role names are kept before others replace them: a user with two clients whose tokens differ does not cause a write
/// with every request.
const KEEP_ROLES_FOR: TimeDelta = TimeDelta::minutes(1);

/// A request with a verified token.
pub(crate) struct TokenVisit {
    pub(crate) identity: IdentityKey,
    /// The role names that the token carries.
    pub(crate) roles: BTreeSet<String>,
    pub(crate) jit: JitMode,
    pub(crate) now: DateTime<Utc>,
    claims: Claims,
}

impl TokenVisit {
    pub(crate) fn new(claims: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            identity: identity_of(claims),
            roles: claims.roles().clone(),
            jit: claims.jit(),
            now,
            claims: claims.clone(),
        }
    }

    /// The role names of the token, with those of them that may be administrative.
    pub(crate) fn claimed_roles(&self) -> ClaimedRoles<'_> {
        ClaimedRoles::new(&self.roles, self.claims.administrative_roles())
    }

    fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.claims.issued_at()
    }

    /// When the token's claims were current: at its `iat`, or now without one.
    fn claims_at(&self) -> DateTime<Utc> {
        self.issued_at().unwrap_or(self.now)
    }

    fn moment(&self) -> Moment {
        self.now.into()
    }
}

/// The identity that a token presents.
pub(crate) fn identity_of(claims: &Claims) -> IdentityKey {
    let kind = match claims.kind() {
        SubjectKind::Human => PrincipalKind::Human,
        SubjectKind::Machine => PrincipalKind::Machine,
    };
    IdentityKey { issuer: claims.issuer().to_owned(), kind, subject: claims.subject().to_owned() }
}

/// Whether a token issued at `issued_at` may update the profile of `principal`: it must not be older than the token of the last update.
/// A token without `iat` may do so once per interval, so that two that differ do not cause a write with every request.
fn may_update_profile(principal: &Principal, issued_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    principal.provider_profile.as_of.is_none_or(|as_of| match issued_at {
        Some(issued_at) => issued_at >= as_of,
        None => now - as_of >= KEEP_ROLES_FOR,
    })
}

/// Whether it is time to record again that `principal` was seen.
fn is_due(principal: &Principal, now: DateTime<Utc>) -> bool {
    principal.last_seen_at.is_none_or(|seen| now - seen.utc() >= RECORD_SEEN_EVERY)
}

/// Whether other role names may replace the recorded ones.
fn may_replace_roles(principal: &Principal, now: DateTime<Utc>) -> bool {
    principal.claim_roles_at.is_none_or(|seen| now - seen.utc() >= KEEP_ROLES_FOR)
}

/// Whether the visit of an admitted token changes nothing at `principal`: [`observe`] without copies, for cached callers.
pub(crate) fn has_no_effect(principal: &Principal, claims: &Claims, now: DateTime<Utc>) -> bool {
    !is_due(principal, now)
        && (!may_replace_roles(principal, now) || principal.claim_roles.0 == *claims.roles())
        && (principal.kind != PrincipalKind::Human
            || !may_update_profile(principal, claims.issued_at(), now)
            || provider_profile::is_in_sync(principal, &claims.profile()))
}

/// Whether a token whose visit [has no effect](has_no_effect) now has none until [`settled_until`], while `principal` does not change.
/// `false` for a token without `iat`, which may update the profile at intervals, and where its role names are still to be recorded.
pub(crate) fn stays_without_effect(principal: &Principal, claims: &Claims) -> bool {
    claims.issued_at().is_some() && principal.claim_roles.0 == *claims.roles()
}

/// Until when an admitted token that [stays without effect](stays_without_effect) is admitted and has none. `None` if the principal is not
/// active or was never seen.
pub(crate) fn settled_until(principal: &Principal) -> Option<DateTime<Utc>> {
    let seen = principal.last_seen_at.filter(|_| principal.status == PrincipalStatus::Active)?;
    let due = seen.utc() + RECORD_SEEN_EVERY;
    Some(principal.expires_at.map_or(due, |end| end.utc().min(due)))
}

/// Fails unless `principal` is admitted with this token. `BOOTSTRAP_ADMIN` needs no approval, as no administrator exists to give it.
pub(crate) fn admit(principal: &Principal, visit: &TokenVisit, is_bootstrap: bool) -> Result<(), Failure> {
    admit_at(principal, visit.issued_at(), visit.now, is_bootstrap)
}

/// As [`admit`], for a cached principal. `BOOTSTRAP_ADMIN` is not cached while there is no administrator.
pub(crate) fn admit_again(principal: &Principal, claims: &Claims, now: DateTime<Utc>) -> Result<(), Failure> {
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

/// The changes of a visit to its principal.
#[derive(Default)]
pub(crate) struct Observed {
    /// The names of the changed fields that clients see.
    synced: Vec<&'static str>,
    /// Whether columns that clients do not see changed.
    is_recorded: bool,
}

impl Observed {
    /// Whether the principal has to be written.
    pub(crate) fn has_changes(&self) -> bool {
        self.is_recorded || !self.synced.is_empty()
    }
}

/// Updates `principal` in memory from the visit.
pub(crate) fn observe(principal: &mut Principal, visit: &TokenVisit) -> Observed {
    let profile_before = principal.provider_profile.clone();
    let synced = match principal.kind {
        PrincipalKind::Human if may_update_profile(principal, visit.issued_at(), visit.now) => {
            provider_profile::sync_from_provider(principal, &visit.claims.profile())
        }
        // An older token must not revert the changes of a newer one.
        PrincipalKind::Human => Vec::new(),
        // A service account is edited by administrators.
        PrincipalKind::Machine => Vec::new(),
    };
    if !synced.is_empty() {
        principal.mark_edited(visit.moment());
    }
    if !synced.is_empty() || principal.provider_profile != profile_before {
        principal.provider_profile.as_of = Some(visit.claims_at());
    }
    let has_other_roles = principal.claim_roles.0 != visit.roles && may_replace_roles(principal, visit.now);
    // The provider's value of an edited field is not shown, but stored: the edit may be reverted.
    let is_recorded = is_due(principal, visit.now) || has_other_roles || principal.provider_profile != profile_before;
    if is_recorded {
        principal.last_seen_at = Some(visit.moment());
        principal.claim_roles = ClaimRoles(visit.roles.clone());
        principal.claim_roles_at = Some(visit.moment());
    }
    Observed { synced, is_recorded }
}

/// Saves the changes of [`observe`].
pub(crate) fn save_observed(
    conn: &mut DbConnection,
    principal: &Principal,
    observed: &Observed,
    visit: &TokenVisit,
) -> Result<(), Failure> {
    principals::update(conn, principal)?;
    if !observed.synced.is_empty() {
        let event = AuditEvent::new(visit.moment(), AuditAction::FollowProvider, principal.id)
            .with("fields", observed.synced.clone());
        audit_events::append(conn, &event)?;
    }
    Ok(())
}

/// Creates a user at the first contact, with the role of new users. Fails with [`Failure::UnknownPrincipal`] where the issuer's policy
/// does not allow that.
pub(crate) fn create_user(
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
    let mut user = Principal::new(PrincipalKind::Human, status, Origin::FirstContact, now);
    observe(&mut user, visit);
    user.version = 1;
    principals::insert(conn, &user)?;
    let identity = Identity::new(user.id, &visit.identity, now);
    identities::insert(conn, &identity)?;
    grants::insert(conn, &grant_by_service(user.id, MEMBER, GrantSource::Manual, now))?;
    let event = AuditEvent::new(now, AuditAction::CreateUser, user.id).with("status", status.as_str());
    audit_events::append(conn, &event)?;
    Ok((user, identity))
}

/// Makes `principal` an active administrator, for want of one.
pub(crate) fn make_first_admin(
    conn: &mut DbConnection,
    principal: &mut Principal,
    visit: &TokenVisit,
) -> Result<(), Failure> {
    let now = visit.moment();
    principal.status = PrincipalStatus::Active;
    principal.mark_edited(now);
    principals::update(conn, principal)?;
    // Replaces an earlier grant, which has an expiry or was made while the account did not count.
    grants::delete_given_here(conn, principal.id, ADMIN)?;
    grants::insert(conn, &grant_by_service(principal.id, ADMIN, GrantSource::Bootstrap, now))?;
    let event = AuditEvent::new(now, AuditAction::BootstrapAdmin, principal.id).with("role", ADMIN);
    Ok(audit_events::append(conn, &event)?)
}

fn grant_by_service(principal: PrincipalId, role: &str, source: GrantSource, now: Moment) -> Grant {
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
