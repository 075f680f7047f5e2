//! One change of one principal, user or service account, within the caller's write transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, PermissionSet};
use crate::models::{
    AuditAction, Changes, DisabledBy, Grant, GrantSource, Moment, Principal, PrincipalId, PrincipalStatus, ProfileField,
};
use crate::repositories::{audit_events, grants, identities, principals, sessions};

use super::account_type::AccountType;
use crate::services::known_issuers::KnownIssuers;
use crate::services::roles::held_role::{self, ClaimedRoles};
use crate::services::roles::rights;
use crate::services::{Actor, Failure, HeldRole, KnownPrincipal};

/// The target of a change, its audit action, and the expected version.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) action: AuditAction,
    pub(crate) id: PrincipalId,
    pub(crate) if_match: Option<i64>,
}

impl Change {
    /// Runs `work` on the principal. If it changed anything, writes the principal and one audit event.
    pub(crate) fn apply<K: AccountType>(
        self,
        conn: &mut DbConnection,
        actor: &Actor,
        rules: Rules<'_>,
        now: DateTime<Utc>,
        work: impl FnOnce(&mut Edit<'_>) -> Result<Option<Changes>, Failure>,
    ) -> Result<Principal, Failure> {
        // Only a restore may change a deleted principal.
        let is_restored = self.action == K::ACTIONS.restore;
        let found = principals::find_for_update(conn, self.id)?;
        let principal =
            of_kind::<K>(found).and_then(|found| if is_restored { Ok(found) } else { present::<K>(found) })?;
        if self.if_match.is_some_and(|version| version != principal.version) {
            return Err(Failure::StaleVersion);
        }
        let mut edit = Edit { conn, actor, rules, principal, now };
        if let Some(changes) = work(&mut edit)? {
            let now = Moment::from(edit.now);
            edit.principal.mark_edited(now);
            principals::update(edit.conn, &edit.principal)?;
            let mut event = actor.event(now, self.action, self.id);
            event.changes = changes;
            audit_events::append(edit.conn, &event)?;
        }
        Ok(edit.principal)
    }
}

/// The inputs for the computation of rights that are not in the database.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) permissions: &'a DeclaredPermissions,
    pub(crate) issuers: &'a dyn KnownIssuers,
}

impl Rules<'_> {
    /// The roles that a principal holds, including those of its last token. The issuer of that token is not stored, so a role with
    /// administrative permissions counts if any of the principal's issuers may assign it.
    pub(crate) fn held(
        self,
        conn: &mut DbConnection,
        principal: &Principal,
        now: DateTime<Utc>,
    ) -> Result<Vec<HeldRole>, Failure> {
        let claimed = &principal.claim_roles.0;
        let mut administrative = BTreeSet::new();
        if !claimed.is_empty() {
            for identity in identities::list(conn, principal.id)? {
                administrative.append(&mut self.issuers.administrative_roles(&identity.issuer));
            }
        }
        let claimed = ClaimedRoles::new(claimed, &administrative);
        Ok(held_role::list(conn, self.permissions, principal.id, claimed, now)?)
    }
}

/// A principal being changed. Each method returns the changes, or `None` if there are none.
pub(crate) struct Edit<'a> {
    pub(crate) conn: &'a mut DbConnection,
    pub(crate) actor: &'a Actor,
    rules: Rules<'a>,
    pub(crate) principal: Principal,
    pub(crate) now: DateTime<Utc>,
}

impl Edit<'_> {
    pub(crate) fn disable(&mut self, reason: Option<String>) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        if self.principal.disabled_by == Some(DisabledBy::Admin) {
            return Ok(None);
        }
        self.end_access()?;
        let before = self.principal.status;
        self.principal.status = PrincipalStatus::Disabled;
        self.principal.disabled_by = Some(DisabledBy::Admin);
        self.principal.disabled_reason = reason;
        Ok(Some(status_changes(before, self.principal.status)))
    }

    pub(crate) fn enable(&mut self) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        if self.principal.status == PrincipalStatus::Active {
            return Ok(None);
        }
        let before = self.principal.status;
        self.principal.status = PrincipalStatus::Active;
        self.principal.disabled_by = None;
        self.principal.disabled_reason = None;
        Ok(Some(status_changes(before, self.principal.status)))
    }

    pub(crate) fn revoke_tokens(&mut self) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        self.end_access()
    }

    /// Ends all sessions and revokes all tokens issued so far. They stay refused even if the principal is enabled again.
    pub(crate) fn end_access(&mut self) -> Result<Option<Changes>, Failure> {
        sessions::delete_all(self.conn, self.principal.id)?;
        // `iat` has whole seconds: a token issued earlier in this second cannot be distinguished from one issued later in it.
        let not_before = Moment::from(self.now.trunc_subsecs(0) + TimeDelta::seconds(1));
        if self.principal.not_before.is_some_and(|set| set >= not_before) {
            return Ok(None);
        }
        self.principal.not_before = Some(not_before);
        Ok(Some(changes([("not_before", not_before.utc().to_rfc3339())])))
    }

    /// Sets, changes or clears the expiry of the account. An expiry in the past ends the account at once. Tokens and sessions from before
    /// a past expiry stay revoked when the expiry is extended.
    pub(crate) fn set_expiry(&mut self, expires_at: Option<Moment>) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        let before = self.principal.expires_at;
        if before == expires_at {
            return Ok(None);
        }
        let prolongs = before.is_some_and(|before| expires_at.is_none_or(|end| end > before));
        if prolongs && self.actor.is(self.principal.id) {
            return Err(Failure::OwnRights);
        }
        let had_ended = self.principal.has_expired(self.now);
        self.principal.expires_at = expires_at;
        if had_ended || self.principal.has_expired(self.now) {
            self.end_access()?;
        }
        Ok(Some(changes([("expires_at", expires_at.map(|end| end.utc().to_rfc3339()))])))
    }

    /// Sets the display name. A name is personal data, so the audit trail records only the field, not the value.
    pub(crate) fn rename(&mut self, display_name: Option<String>) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        if self.principal.display_name == display_name {
            return Ok(None);
        }
        self.principal.set_profile_field(ProfileField::DisplayName, display_name);
        Ok(Some(changes([("display_name", None::<String>)])))
    }

    pub(crate) fn grant(&mut self, role: &str, expires_at: Option<Moment>) -> Result<Option<Changes>, Failure> {
        let given = self.permissions_of_role(role)?;
        if self.actor.is(self.principal.id) {
            return Err(Failure::OwnRights);
        }
        rights::require_grantable(self.actor, &given)?;
        self.require_authority_over_principal()?;
        let given = grants::list_given_here(self.conn, self.principal.id, role)?;
        if let [only] = given.as_slice()
            && only.source == GrantSource::Manual
            && only.expires_at == expires_at
        {
            return Ok(None);
        }
        grants::delete_given_here(self.conn, self.principal.id, role)?;
        let grant = Grant {
            principal_id: self.principal.id,
            role: role.to_owned(),
            source: GrantSource::Manual,
            source_ref: String::new(),
            granted_by: self.actor.principal(),
            granted_at: self.now.into(),
            expires_at,
        };
        grants::insert(self.conn, &grant)?;
        let end = expires_at.map(|end| ("expires_at", end.utc().to_rfc3339()));
        Ok(Some(changes([("role", role.to_owned())].into_iter().chain(end))))
    }

    pub(crate) fn revoke(&mut self, role: &str) -> Result<Option<Changes>, Failure> {
        let taken = self.permissions_of_role(role)?;
        rights::require_authority_over(self.actor, &taken)?;
        self.require_authority_over_principal()?;
        if grants::list_given_here(self.conn, self.principal.id, role)?.is_empty() {
            return Ok(None);
        }
        grants::delete_given_here(self.conn, self.principal.id, role)?;
        Ok(Some(changes([("role", role.to_owned())])))
    }

    /// Fails unless the actor holds all administrative permissions of the principal, including those of its last token.
    pub(crate) fn require_authority_over_principal(&mut self) -> Result<(), Failure> {
        let held = self.rules.held(self.conn, &self.principal, self.now)?;
        rights::require_authority_over(self.actor, &held_role::union(&held))
    }

    /// Fails unless the actor may grant all roles of the principal. Required for a change that opens the account to its owner or to a new
    /// identity. The default role of new users is granted by the service and exempt.
    pub(crate) fn require_grantable_principal(&mut self) -> Result<(), Failure> {
        for role in self.rules.held(self.conn, &self.principal, self.now)? {
            rights::require_grantable_at_entry(self.actor, &role.name, &role.permissions)?;
        }
        Ok(())
    }

    fn permissions_of_role(&mut self, role: &str) -> Result<PermissionSet, Failure> {
        rights::permissions_of_role(self.conn, self.rules.permissions, role)?.ok_or(Failure::NoSuchRole)
    }
}

/// Returns the principal of this id. Fails if it is unknown, of another type, or deleted.
pub(crate) fn find<K: AccountType>(conn: &mut DbConnection, id: PrincipalId) -> Result<Principal, Failure> {
    find_even_deleted::<K>(conn, id).and_then(present::<K>)
}

/// Returns the principal of this id, deleted or not. Fails if it is unknown or of another type.
pub(crate) fn find_even_deleted<K: AccountType>(
    conn: &mut DbConnection,
    id: PrincipalId,
) -> Result<Principal, Failure> {
    of_kind::<K>(principals::find(conn, id)?)
}

fn of_kind<K: AccountType>(found: Option<Principal>) -> Result<Principal, Failure> {
    found.filter(|found| found.kind == K::KIND).ok_or_else(K::unknown)
}

fn present<K: AccountType>(found: Principal) -> Result<Principal, Failure> {
    if found.status == PrincipalStatus::Deleted { Err(K::unknown()) } else { Ok(found) }
}

/// Returns the principal with its stored roles that are unexpired at `now`.
pub(crate) fn with_roles(
    conn: &mut DbConnection,
    permissions: &DeclaredPermissions,
    principal: Principal,
    now: DateTime<Utc>,
) -> Result<KnownPrincipal, Failure> {
    let roles = held_role::list(conn, permissions, principal.id, ClaimedRoles::none(), now)?;
    Ok(KnownPrincipal::new(principal, roles))
}

/// Merges several changes. Returns `None` if none of them changed anything.
pub(crate) fn combined(all: impl IntoIterator<Item = Option<Changes>>) -> Option<Changes> {
    all.into_iter().flatten().reduce(|mut first, next| {
        first.0.extend(next.0);
        first
    })
}

pub(crate) fn status_changes(before: PrincipalStatus, after: PrincipalStatus) -> Changes {
    changes([("from", before.to_string()), ("to", after.to_string())])
}

/// Returns the changes by field name. `None` stands for a value that is absent or not recorded.
pub(crate) fn changes<V: Into<serde_json::Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Changes {
    Changes(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}
