//! The rule at the centre of the service: a request may do what its token delegates and its principal's roles grant.

use super::ResolvedPrincipal;
use crate::models::permission::Permission;
use crate::oidc::Claims;

/// Whether a request may use a permission, and if not, what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Delegated and granted.
    Allowed,
    /// The token does not carry the scope. Takes precedence where both are missing: a role would not help.
    MissingScope,
    /// No role grants it.
    MissingPermission,
}

/// Decides by intersection, so that no client exceeds its user and no user exceeds their roles. The guard asks this for admission, and
/// services ask it for whatever an admitted request does to the rights of others.
pub(crate) fn decide(claims: &Claims, principal: &ResolvedPrincipal, permission: Permission) -> Decision {
    if !is_delegated(claims, permission) {
        Decision::MissingScope
    } else if !principal.grants(permission) {
        Decision::MissingPermission
    } else {
        Decision::Allowed
    }
}

/// Whether the token's client may use the permission at all: by scope, as a first-party client, or because the issuer does not delegate
/// by scope.
pub(crate) fn is_delegated(claims: &Claims, permission: Permission) -> bool {
    claims.is_first_party() || claims.are_scopes_unused() || claims.scopes().contains(permission.name())
}
