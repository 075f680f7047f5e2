//! One change of one user, inside the caller's writing transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::database::DbConnection;
use crate::models::permission::DeclaredPermissions;
use crate::models::{
    AuditAction, Changes, DisabledBy, Grant, GrantSource, Moment, Principal, PrincipalId, PrincipalKind,
    PrincipalStatus,
};
use crate::repositories::{audit_events, grants, principals};

use super::{Actor, Failure, KnownPrincipal, held_role, rights};

/// What is to be changed, and from which version.
#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) action: AuditAction,
    pub(super) id: PrincipalId,
    pub(super) if_match: Option<i64>,
}

impl Change {
    /// Does `work` on the user and, if that changed anything, writes the user and one audit event.
    pub(super) fn apply(
        self,
        conn: &mut DbConnection,
        actor: &Actor,
        permissions: &DeclaredPermissions,
        now: DateTime<Utc>,
        work: impl FnOnce(&mut Edit<'_>) -> Result<Option<Changes>, Failure>,
    ) -> Result<Principal, Failure> {
        let user = find_user(conn, self.id)?;
        if self.if_match.is_some_and(|version| version != user.version) {
            return Err(Failure::StaleVersion);
        }
        let mut edit = Edit { conn, actor, permissions, user, now };
        if let Some(changes) = work(&mut edit)? {
            let now = Moment::from(edit.now);
            edit.user.mark_edited(now);
            principals::update(edit.conn, &edit.user)?;
            let mut event = actor.event(now, self.action, self.id);
            event.changes = changes;
            audit_events::append(edit.conn, &event)?;
        }
        Ok(edit.user)
    }
}

/// A user being changed. Each method returns what changed, or `None` when all was so already.
pub(super) struct Edit<'a> {
    conn: &'a mut DbConnection,
    actor: &'a Actor,
    permissions: &'a DeclaredPermissions,
    user: Principal,
    now: DateTime<Utc>,
}

impl Edit<'_> {
    pub(super) fn disable(&mut self, reason: Option<String>) -> Result<Option<Changes>, Failure> {
        self.require_reach_over_user()?;
        if self.user.disabled_by == Some(DisabledBy::Admin) {
            return Ok(None);
        }
        let before = self.user.status;
        self.user.status = PrincipalStatus::Disabled;
        self.user.disabled_by = Some(DisabledBy::Admin);
        self.user.disabled_reason = reason;
        Ok(Some(status_changes(before, self.user.status)))
    }

    pub(super) fn enable(&mut self) -> Result<Option<Changes>, Failure> {
        self.require_reach_over_user()?;
        if self.user.status == PrincipalStatus::Active {
            return Ok(None);
        }
        let before = self.user.status;
        self.user.status = PrincipalStatus::Active;
        self.user.disabled_by = None;
        self.user.disabled_reason = None;
        Ok(Some(status_changes(before, self.user.status)))
    }

    pub(super) fn revoke_tokens(&mut self) -> Result<Option<Changes>, Failure> {
        self.require_reach_over_user()?;
        // `iat` is in whole seconds: only from the next one on can a token be told from those of this one.
        let not_before = Moment::from(self.now.trunc_subsecs(0) + TimeDelta::seconds(1));
        if self.user.not_before.is_some_and(|set| set >= not_before) {
            return Ok(None);
        }
        self.user.not_before = Some(not_before);
        Ok(Some(changes([("not_before", not_before.utc().to_rfc3339())])))
    }

    pub(super) fn grant(&mut self, role: &str, expires_at: Option<Moment>) -> Result<Option<Changes>, Failure> {
        self.require_reach_over_role(role)?;
        let given = grants::list_given_here(self.conn, self.user.id, role)?;
        if let [only] = given.as_slice()
            && only.source == GrantSource::Manual
            && only.expires_at == expires_at
        {
            return Ok(None);
        }
        grants::delete_given_here(self.conn, self.user.id, role)?;
        let grant = Grant {
            principal_id: self.user.id,
            role: role.to_owned(),
            source: GrantSource::Manual,
            source_ref: String::new(),
            granted_by: self.actor.principal,
            granted_at: self.now.into(),
            expires_at,
        };
        grants::insert(self.conn, &grant)?;
        let end = expires_at.map(|end| ("expires_at", end.utc().to_rfc3339()));
        Ok(Some(changes([("role", role.to_owned())].into_iter().chain(end))))
    }

    pub(super) fn revoke(&mut self, role: &str) -> Result<Option<Changes>, Failure> {
        self.require_reach_over_role(role)?;
        if grants::list_given_here(self.conn, self.user.id, role)?.is_empty() {
            return Ok(None);
        }
        grants::delete_given_here(self.conn, self.user.id, role)?;
        Ok(Some(changes([("role", role.to_owned())])))
    }

    /// What the user may do is touched: by stored roles, and by those of the last token seen.
    fn require_reach_over_user(&mut self) -> Result<(), Failure> {
        let claimed = &self.user.claim_roles.0;
        let held = held_role::list(self.conn, self.permissions, self.user.id, claimed, self.now)?;
        rights::require_reach(self.actor, &held_role::union(&held))
    }

    fn require_reach_over_role(&mut self, role: &str) -> Result<(), Failure> {
        let touched = rights::permissions_of_role(self.conn, self.permissions, role)?.ok_or(Failure::NoSuchRole)?;
        rights::require_reach(self.actor, &touched)
    }
}

/// The user of this id; a program's id and that of a deleted user are nobody's.
pub(super) fn find_user(conn: &mut DbConnection, id: PrincipalId) -> Result<Principal, Failure> {
    principals::find(conn, id)?
        .filter(|found| found.kind == PrincipalKind::Human && found.status != PrincipalStatus::Deleted)
        .ok_or(Failure::NoSuchUser)
}

/// The user with the stored roles that have not ended by `now`.
pub(super) fn with_roles(
    conn: &mut DbConnection,
    permissions: &DeclaredPermissions,
    user: Principal,
    now: DateTime<Utc>,
) -> Result<KnownPrincipal, Failure> {
    let roles = held_role::list(conn, permissions, user.id, &BTreeSet::new(), now)?;
    Ok(KnownPrincipal::new(user, roles))
}

fn status_changes(before: PrincipalStatus, after: PrincipalStatus) -> Changes {
    changes([("from", before.to_string()), ("to", after.to_string())])
}

fn changes(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Changes {
    Changes(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}
