//! The central authorization rule: a request may use a permission that its token delegates *and* its principal's roles grant.

use crate::models::permission::Permission;
use crate::oidc::Claims;
use crate::services::ResolvedPrincipal;

/// The decision on one permission: allowed, or what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The token delegates the permission and a role grants it.
    Allowed,
    /// The token does not carry the scope. Takes precedence if both are missing, since a role alone would not help.
    MissingScope,
    /// No role grants the permission.
    MissingPermission,
}

/// Decides by intersection, so that no client exceeds its user and no user exceeds their roles. The guard applies this rule at admission;
/// services apply it to every change of the rights of others.
pub(crate) fn decide(claims: &Claims, principal: &ResolvedPrincipal, permission: Permission) -> Decision {
    if !is_delegated(claims, permission) {
        Decision::MissingScope
    } else if !principal.grants(permission) {
        Decision::MissingPermission
    } else {
        Decision::Allowed
    }
}

/// Whether the token delegates the permission to its client: by scope, because the client is first-party, or because the issuer does not
/// use scopes.
pub(crate) fn is_delegated(claims: &Claims, permission: Permission) -> bool {
    claims.is_first_party() || claims.are_scopes_unused() || claims.scopes().contains(permission.name())
}
