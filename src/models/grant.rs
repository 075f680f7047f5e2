//! Roles and who was given which.

use diesel::prelude::*;

use super::column::text_enum;
use super::permission::{DeclaredPermissions, Permission, PermissionSet};
use super::{Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::{role_grants, roles};

/// The role that holds every declared permission.
pub const ADMIN: &str = "admin";
/// The role that reads everything and changes nothing.
pub const AUDITOR: &str = "auditor";
/// The role that new people get.
pub const MEMBER: &str = "member";

/// What a role grants whose permissions follow from what is declared, so that they hold an application's own too; `None` for a role whose
/// permissions are listed in the database.
pub fn computed_permissions(role: &str, declared: &DeclaredPermissions) -> Option<PermissionSet> {
    match role {
        ADMIN => Some(declared.all().collect()),
        AUDITOR => Some(declared.all().filter(Permission::is_reading).collect()),
        _ => None,
    }
}

/// A named set of permissions. The permissions are rows of their own.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = roles, primary_key(name), check_for_backend(MultiBackend))]
pub struct Role {
    /// The name it is granted by.
    pub name: String,
    /// What it is for, in a sentence.
    pub summary: String,
    /// Whether it came with the service and cannot be deleted.
    pub built_in: bool,
    /// Moves with every edit.
    pub version: i64,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last edited.
    pub updated_at: Moment,
}

text_enum! {
    /// Where a stored grant comes from.
    pub enum GrantSource {
        /// Somebody gave it by hand: an admin, the command line, or the service to a new person.
        Manual = "manual",
        /// The provider's provisioning (SCIM) gave it.
        Scim = "scim",
        /// `BOOTSTRAP_ADMIN` gave it, while there was no admin.
        Bootstrap = "bootstrap",
    }
}

/// A role given to a principal, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = role_grants, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct Grant {
    /// Who has it.
    pub principal_id: PrincipalId,
    /// Which role.
    pub role: String,
    /// Where it comes from.
    pub source: GrantSource,
    /// Which group of the source; empty where there is but one.
    pub source_ref: String,
    /// Who gave it; `None` for the command line and the service itself.
    pub granted_by: Option<PrincipalId>,
    /// When it was given.
    pub granted_at: Moment,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Moment>,
}
