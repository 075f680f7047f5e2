//! Roles, held roles and role grants.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use crate::models::ClientTime;
use crate::models::permission::Permission;
use crate::services::{HeldRole, RoleWithPermissions};

/// A role of a principal.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldRoleResponse {
    /// The name of the role.
    #[schema(example = "member")]
    name: String,
    /// The source: `manual`, `bootstrap` or `scim` for a grant, `claim` for a role in the token.
    #[schema(example = "manual")]
    source: &'static str,
    /// When the grant expires (RFC 3339); null if it does not expire.
    expires_at: Option<String>,
}

impl From<&HeldRole> for HeldRoleResponse {
    fn from(role: &HeldRole) -> Self {
        Self { name: role.name.clone(), source: role.source.as_str(), expires_at: role.expires_at.map(moment) }
    }
}

/// The terms of a role grant. An empty object grants the role without expiry.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantRoleRequest {
    /// When the grant expires (RFC 3339); absent or null for a grant without expiry.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<ClientTime>,
}

/// A role: a named set of permissions.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleResponse {
    /// The name of the role.
    #[schema(example = "support")]
    name: String,
    /// The purpose of the role.
    #[schema(example = "Reads users, to help them.")]
    summary: String,
    /// Whether the role is built in and cannot be deleted.
    built_in: bool,
    /// The permissions that the role grants, by name.
    #[schema(example = json!(["profile:read", "users:read"]))]
    permissions: Vec<&'static str>,
    /// When the role was created (RFC 3339).
    created_at: String,
    /// When the role was last modified (RFC 3339).
    updated_at: String,
}

impl From<RoleWithPermissions> for RoleResponse {
    fn from(RoleWithPermissions { role, permissions }: RoleWithPermissions) -> Self {
        Self {
            name: role.name,
            summary: role.summary,
            built_in: role.built_in,
            permissions: permissions.iter().map(Permission::name).collect(),
            created_at: moment(role.created_at),
            updated_at: moment(role.updated_at),
        }
    }
}

/// All roles.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolesResponse {
    /// The roles, by name.
    pub(crate) items: Vec<RoleResponse>,
}

/// The new content of a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutRoleRequest {
    /// The purpose of the role, in a sentence.
    #[schema(example = "Reads users, to help them.", min_length = 1, max_length = 255)]
    pub(crate) summary: String,
    /// The names of the permissions that the role grants. The service must know each of them.
    #[schema(example = json!(["profile:read", "users:read"]))]
    pub(crate) permissions: BTreeSet<String>,
}

/// The options for deleting a role.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteRoleQuery {
    /// Whether to delete a role that is assigned to principals, and remove its assignments.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) force: bool,
}
