//! One change of one role, within the caller's write transaction.
//!
//! No role edit can remove the last admin: a counted admin has a grant of `admin`, and that role can be neither edited nor deleted.

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, Role, computed_permissions};
use crate::repositories::{audit_events, grants, principals, roles};

use super::definition::{RoleDraft, RoleWithPermissions, find};
use super::rights;
use crate::services::{Actor, Failure, text};

/// The maximum length of a role name.
const MAX_NAME_LENGTH: usize = 64;

/// A role being created, changed or deleted.
pub(crate) struct RoleEdit<'a> {
    pub(crate) conn: &'a mut DbConnection,
    pub(crate) actor: &'a Actor,
    pub(crate) permissions: &'a DeclaredPermissions,
    pub(crate) name: &'a str,
    pub(crate) now: Moment,
}

impl RoleEdit<'_> {
    pub(crate) fn create(&mut self, draft: &RoleDraft) -> Result<RoleWithPermissions, Failure> {
        if !is_role_name(self.name) {
            let reason = "must be 1 to 64 lower-case letters, digits or hyphens, and start with a letter";
            return Err(Failure::Invalid { field: "name", reason });
        }
        if roles::find(self.conn, self.name)?.is_some() {
            return Err(Failure::StaleVersion);
        }
        let permissions = self.permissions_of(draft)?;
        self.require_grantable(&permissions)?;
        let role = Role {
            name: self.name.to_owned(),
            summary: text::line("summary", &draft.summary)?,
            built_in: false,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        roles::insert(self.conn, &role)?;
        self.list_permissions(&permissions)?;
        let event = self.event(AuditAction::CreateRole).with("permissions", names(&permissions));
        audit_events::append(self.conn, &event)?;
        Ok(RoleWithPermissions { role, permissions })
    }

    pub(crate) fn replace(&mut self, draft: &RoleDraft, if_match: Option<i64>) -> Result<RoleWithPermissions, Failure> {
        // RFC 9110 section 13.1.1: `If-Match` is false if there is no current representation.
        let before = self.current(if_match).map_err(|failure| match failure {
            Failure::NoSuchRole => Failure::StaleVersion,
            failure => failure,
        })?;
        if computed_permissions(self.name, self.permissions).is_some() {
            return Err(Failure::BuiltInRole { reason: "its permissions follow from the declared permissions" });
        }
        rights::require_authority_over(self.actor, &before.permissions)?;
        let permissions = self.permissions_of(draft)?;
        self.require_grantable(&permissions.difference(&before.permissions).copied().collect())?;
        let summary = text::line("summary", &draft.summary)?;
        if permissions == before.permissions && summary == before.role.summary {
            return Ok(before);
        }
        let event = self
            .event(AuditAction::UpdateRole)
            .with("added", names(permissions.difference(&before.permissions)))
            .with("removed", names(before.permissions.difference(&permissions)));
        let role = Role { summary, version: before.role.version + 1, updated_at: self.now, ..before.role };
        roles::update(self.conn, &role)?;
        self.list_permissions(&permissions)?;
        audit_events::append(self.conn, &event)?;
        Ok(RoleWithPermissions { role, permissions })
    }

    pub(crate) fn delete(&mut self, force: bool, if_match: Option<i64>) -> Result<(), Failure> {
        let before = self.current(if_match)?;
        if before.role.built_in {
            return Err(Failure::BuiltInRole { reason: "it cannot be deleted" });
        }
        rights::require_authority_over(self.actor, &before.permissions)?;
        let count = grants::count_holders(self.conn, self.name, self.now)?;
        if count > 0 && !force {
            return Err(Failure::RoleGranted { count });
        }
        // The representation of each holder changes, and with it the version.
        principals::mark_holders_edited(self.conn, self.name, self.now)?;
        roles::delete(self.conn, self.name)?;
        let event = self.event(AuditAction::DeleteRole).with("grants", count);
        audit_events::append(self.conn, &event)?;
        Ok(())
    }

    fn current(&mut self, if_match: Option<i64>) -> Result<RoleWithPermissions, Failure> {
        let found = find(self.conn, self.permissions, self.name)?;
        let is_current = if_match.is_none_or(|version| version == found.role.version);
        if is_current { Ok(found) } else { Err(Failure::StaleVersion) }
    }

    fn permissions_of(&self, draft: &RoleDraft) -> Result<PermissionSet, Failure> {
        let found: Option<PermissionSet> = draft.permissions.iter().map(|name| self.permissions.find(name)).collect();
        found.ok_or(Failure::Invalid { field: "permissions", reason: "contains an unknown permission" })
    }

    /// Fails unless the actor may grant `added` to the holders of the role, which may include the actor itself.
    fn require_grantable(&self, added: &PermissionSet) -> Result<(), Failure> {
        let adds_to_own = |permission: &Permission| {
            permission.is_administrative() || !self.actor.is_granted_without(self.name, *permission)
        };
        if self.actor.has_role(self.name) && added.iter().any(adds_to_own) {
            return Err(Failure::OwnRights);
        }
        rights::require_grantable(self.actor, added)
    }

    fn list_permissions(&mut self, permissions: &PermissionSet) -> Result<(), Failure> {
        Ok(roles::replace_permissions(self.conn, self.name, permissions.iter().map(Permission::name))?)
    }

    fn event(&self, action: AuditAction) -> AuditEvent {
        self.actor.event(self.now, action, AuditTarget::role(self.name))
    }
}

fn names<'a>(permissions: impl IntoIterator<Item = &'a Permission>) -> Vec<&'static str> {
    permissions.into_iter().map(Permission::name).collect()
}

fn is_role_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LENGTH
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
