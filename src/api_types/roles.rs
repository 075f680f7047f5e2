//! Roles: as they are, and as they are held and granted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use crate::models::ClientTime;
use crate::models::permission::Permission;
use crate::services::{HeldRole, RoleWithPermissions};

/// A role that somebody holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldRoleResponse {
    /// The role's name.
    #[schema(example = "member")]
    name: String,
    /// Where it comes from: `manual`, `bootstrap`, `scim`, or `claim` where the presented token carries it.
    #[schema(example = "manual")]
    source: &'static str,
    /// RFC 3339; null where it does not end by itself.
    expires_at: Option<String>,
}

impl From<&HeldRole> for HeldRoleResponse {
    fn from(role: &HeldRole) -> Self {
        Self { name: role.name.clone(), source: role.source.as_str(), expires_at: role.expires_at.map(moment) }
    }
}

/// How a role is granted. An empty object grants it without end.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantRoleRequest {
    /// RFC 3339; absent or null for a grant without end.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<ClientTime>,
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleResponse {
    /// The name that it is granted by.
    #[schema(example = "support")]
    name: String,
    /// What it is for.
    #[schema(example = "Reads users, to help them.")]
    summary: String,
    /// Whether it came with the service and can't be deleted.
    built_in: bool,
    /// What it grants, in the order of the names.
    #[schema(example = json!(["profile:read", "users:read"]))]
    permissions: Vec<&'static str>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
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

/// Every role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolesResponse {
    /// The roles, in the order of their names.
    pub(crate) items: Vec<RoleResponse>,
}

/// What a role is from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutRoleRequest {
    /// What it is for, in a sentence.
    #[schema(example = "Reads users, to help them.", min_length = 1, max_length = 255)]
    pub(crate) summary: String,
    /// The names of the permissions that it grants, each one of those that the service knows.
    #[schema(example = json!(["profile:read", "users:read"]))]
    pub(crate) permissions: BTreeSet<String>,
}

/// How a role is deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteRoleQuery {
    /// Whether to take it from those who hold it.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) force: bool,
}
