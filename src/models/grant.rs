//! Roles and their grants to principals.

use diesel::prelude::*;

use super::column::text_enum;
use super::permission::{DeclaredPermissions, Permission, PermissionSet};
use super::{Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::{role_grants, roles};

/// The role with every declared permission.
pub const ADMIN: &str = "admin";
/// The role with every read permission and no other.
pub const AUDITOR: &str = "auditor";
/// The default role of new users.
pub const MEMBER: &str = "member";

/// Returns the permissions of a role that are computed from the declared permissions, including those of the application. Returns `None`
/// for a role whose permissions are stored in the database.
pub fn computed_permissions(role: &str, declared: &DeclaredPermissions) -> Option<PermissionSet> {
    match role {
        ADMIN => Some(declared.all().collect()),
        AUDITOR => Some(declared.all().filter(Permission::is_reading).collect()),
        _ => None,
    }
}

/// A named set of permissions. The permissions are stored in a separate table.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = roles, primary_key(name), check_for_backend(MultiBackend))]
pub struct Role {
    /// The unique name.
    pub name: String,
    /// The purpose of the role, in one sentence.
    pub summary: String,
    /// Whether it is built in and cannot be deleted.
    pub built_in: bool,
    /// The version, incremented by every edit.
    pub version: i64,
    /// The creation time.
    pub created_at: Moment,
    /// The time of the last edit.
    pub updated_at: Moment,
}

text_enum! {
    /// The source of a stored grant.
    pub enum GrantSource {
        /// Granted by an admin, by the command line, or by the service to a new user.
        Manual = "manual",
        /// Granted by the provider's provisioning (SCIM).
        Scim = "scim",
        /// Granted by `BOOTSTRAP_ADMIN` while there was no admin.
        Bootstrap = "bootstrap",
    }
}

/// A stored grant of a role to a principal.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = role_grants, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct Grant {
    /// The principal that holds the role.
    pub principal_id: PrincipalId,
    /// The name of the role.
    pub role: String,
    /// The source of the grant.
    pub source: GrantSource,
    /// The group within the source; empty if the source has no groups.
    pub source_ref: String,
    /// The granting principal; `None` for the command line and the service itself.
    pub granted_by: Option<PrincipalId>,
    /// The time of the grant.
    pub granted_at: Moment,
    /// The expiry, if any.
    pub expires_at: Option<Moment>,
}
