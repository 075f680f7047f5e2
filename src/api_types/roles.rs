//! Roles as they are held and granted.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment;
use crate::services::HeldRole;

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
    pub(crate) expires_at: Option<DateTime<Utc>>,
}
