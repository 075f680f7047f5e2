//! What a principal may do, and where it comes from.

use serde::Serialize;
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment};
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::models::{Grant, PrincipalStatus};
use crate::services::PrincipalAccess;

/// The roles of a principal.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantsResponse {
    /// What was granted, by role.
    items: Vec<GrantResponse>,
    /// The role names of the last token seen. They count with a token that carries them, and only those that are roles here.
    claim_roles: Vec<String>,
    /// When that was; RFC 3339.
    claim_roles_at: Option<String>,
}

/// A role as it was granted.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantResponse {
    /// The role's name.
    #[schema(example = "auditor")]
    role: String,
    /// `manual`, `bootstrap` or `scim`.
    #[schema(example = "manual")]
    source: &'static str,
    /// Who granted it; null for the command line and the service itself.
    granted_by: Option<String>,
    /// RFC 3339.
    granted_at: String,
    /// RFC 3339; null where it does not end by itself.
    expires_at: Option<String>,
}

impl From<Grant> for GrantResponse {
    fn from(grant: Grant) -> Self {
        Self {
            role: grant.role,
            source: grant.source.as_str(),
            granted_by: grant.granted_by.map(|id| id.to_string()),
            granted_at: moment(grant.granted_at),
            expires_at: grant.expires_at.map(moment),
        }
    }
}

impl From<PrincipalAccess> for GrantsResponse {
    fn from(access: PrincipalAccess) -> Self {
        let principal = access.known.principal();
        Self {
            claim_roles: principal.claim_roles.0.iter().cloned().collect(),
            claim_roles_at: principal.claim_roles_at.map(moment),
            items: access.grants.into_iter().map(Into::into).collect(),
        }
    }
}

/// What a principal may do, and why.
#[derive(Serialize, ToSchema)]
pub(crate) struct PrincipalAccessResponse {
    /// The principal's id here.
    id: String,
    /// Whether it is let in at all: `yes`, `pending`, `disabled` or `expired`.
    #[schema(example = "yes")]
    admitted: &'static str,
    /// A token issued before this is refused, whatever it carries; RFC 3339.
    not_before: Option<String>,
    /// The roles that count, those of the last token seen (`claim`) included.
    roles: Vec<HeldRoleResponse>,
    /// Every permission that there is.
    permissions: Vec<GrantedPermissionResponse>,
}

/// One permission, and what stands behind it.
#[derive(Serialize, ToSchema)]
struct GrantedPermissionResponse {
    /// `resource:action`.
    #[schema(example = "users:read")]
    name: &'static str,
    /// Whether its roles grant it.
    granted: bool,
    /// By which roles, and where each comes from.
    granted_by: Vec<HeldRoleResponse>,
    /// The scope that a token must carry besides, unless its client is first-party or its issuer does not delegate by scope; in each
    /// spelling that an issuer here uses.
    #[schema(example = json!(["api/users:read"]))]
    needs_scope: Vec<String>,
}

impl PrincipalAccessResponse {
    /// `spell` gives the scopes as which clients ask the issuers for a permission.
    pub(crate) fn new(
        access: &PrincipalAccess,
        declared: &DeclaredPermissions,
        spell: impl Fn(Permission) -> Vec<String>,
    ) -> Self {
        let (principal, roles) = (access.known.principal(), access.known.roles());
        let explain = |permission: Permission| {
            let granted_by: Vec<HeldRoleResponse> =
                roles.iter().filter(|role| role.permissions.contains(&permission)).map(Into::into).collect();
            GrantedPermissionResponse {
                name: permission.name(),
                granted: !granted_by.is_empty(),
                granted_by,
                needs_scope: spell(permission),
            }
        };
        Self {
            id: principal.id.to_string(),
            admitted: match principal.status {
                PrincipalStatus::Active if principal.has_expired(access.at) => "expired",
                PrincipalStatus::Active => "yes",
                status => status.as_str(),
            },
            not_before: principal.not_before.map(moment),
            roles: roles.iter().map(Into::into).collect(),
            permissions: declared.all().map(explain).collect(),
        }
    }
}
