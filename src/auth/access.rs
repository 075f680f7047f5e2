//! The access that a route requires.

use crate::models::permission::Permission;

/// The access that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No authentication. A credential is ignored.
    Public,
    /// A verified token or a session, and an active principal.
    Authenticated,
    /// In addition, a permission that the token delegates and the principal's roles grant.
    Requires(Permission),
}

/// [`Access::Public`], for registration.
pub const PUBLIC: Access = Access::Public;
/// [`Access::Authenticated`], for registration.
pub const AUTHENTICATED: Access = Access::Authenticated;

impl Access {
    /// Returns the required permission, if any.
    pub(crate) const fn permission(self) -> Option<Permission> {
        match self {
            Self::Public | Self::Authenticated => None,
            Self::Requires(permission) => Some(permission),
        }
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Requires(permission)
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Requires(permission) => f.write_str(permission.name()),
        }
    }
}
