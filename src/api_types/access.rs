//! Role grants and effective permissions of a principal.

use serde::Serialize;
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment};
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::models::{Grant, PrincipalStatus};
use crate::services::PrincipalAccess;

/// The role grants of a principal.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantsResponse {
    /// The grants, including expired ones.
    items: Vec<GrantResponse>,
    /// The role names in the last token seen. A role is effective only with a token that carries it, and only if it exists here.
    claim_roles: Vec<String>,
    /// When that token was seen (RFC 3339).
    claim_roles_at: Option<String>,
}

/// A role grant.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantResponse {
    /// The name of the role.
    #[schema(example = "auditor")]
    role: String,
    /// The source of the grant: `manual`, `bootstrap` or `scim`.
    #[schema(example = "manual")]
    source: &'static str,
    /// The id of the principal who granted the role; null for the command line and the service itself.
    granted_by: Option<String>,
    /// When the role was granted (RFC 3339).
    granted_at: String,
    /// When the grant expires (RFC 3339); null if it does not expire.
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

/// The effective permissions of a principal.
#[derive(Serialize, ToSchema)]
pub(crate) struct PrincipalAccessResponse {
    /// The id of the principal.
    id: String,
    /// Whether the principal is admitted: `yes`, `pending`, `disabled` or `expired`.
    #[schema(example = "yes")]
    admitted: &'static str,
    /// Tokens issued before this time are refused (RFC 3339).
    not_before: Option<String>,
    /// The effective roles, including those of the last token seen (`claim`).
    roles: Vec<HeldRoleResponse>,
    /// All permissions of the service.
    permissions: Vec<GrantedPermissionResponse>,
}

/// A permission and its grants.
#[derive(Serialize, ToSchema)]
struct GrantedPermissionResponse {
    /// The name, as `resource:action`.
    #[schema(example = "users:read")]
    name: &'static str,
    /// Whether a role of the principal grants the permission.
    granted: bool,
    /// The roles that grant the permission, with the source of each.
    granted_by: Vec<HeldRoleResponse>,
    /// The scope that a token must also carry, in the spelling of each trusted issuer. It is not required for first-party clients and for
    /// issuers that do not delegate by scope.
    #[schema(example = json!(["api/users:read"]))]
    needs_scope: Vec<String>,
}

impl PrincipalAccessResponse {
    /// `spell` returns the scopes of a permission in the spelling of each issuer.
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
