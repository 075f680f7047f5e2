//! Permissions: the rights that routes require, roles grant and tokens delegate.
//!
//! A permission is declared once, as a constant. Database rows and token scopes are text that names a declared permission; an unknown name
//! grants nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A right named `resource:action`, spelled as the OAuth scope that delegates it (without the issuer's scope prefix).
///
/// Two permissions are equal if their names are equal.
///
/// ```
/// use portcullis::Permission;
///
/// const NOTES_READ: Permission = Permission::new("notes:read", "Read your own notes.");
/// assert_eq!(NOTES_READ.name(), "notes:read");
/// ```
#[derive(Clone, Copy)]
pub struct Permission {
    name: &'static str,
    summary: &'static str,
    administrative: bool,
}

impl Permission {
    /// Declares a permission. `summary` is a sentence for the API documentation.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not `resource:action` in lower-case ASCII letters, digits and `-`. For a constant, this is a compile error.
    pub const fn new(name: &'static str, summary: &'static str) -> Self {
        assert!(is_well_formed(name), "a permission name must have the form `resource:action`");
        Self { name, summary, administrative: false }
    }

    /// Marks the permission as administrative: only an actor that holds it may grant it or change a principal that holds it.
    pub const fn administrative(self) -> Self {
        Self { administrative: true, ..self }
    }

    /// The name, as stored with roles and as requested by scopes.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The sentence that describes what the permission allows.
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// Whether its action is `read`.
    pub fn is_reading(&self) -> bool {
        self.name.ends_with(":read")
    }

    /// Whether the permission is [administrative](Self::administrative).
    pub const fn is_administrative(&self) -> bool {
        self.administrative
    }
}

/// Whether `name` is two words separated by a colon; a word consists of lower-case letters, digits and `-`.
const fn is_well_formed(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    let mut colons = 0;
    let mut word = 0;
    while at < bytes.len() {
        #[expect(clippy::indexing_slicing, reason = "`get` is not usable in a const fn; `at` is below the length")]
        match bytes[at] {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => word += 1,
            b':' if word > 0 && colons == 0 => (colons, word) = (1, 0),
            _ => return false,
        }
        at += 1;
    }
    colons == 1 && word > 0
}

impl PartialEq for Permission {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Permission {}

impl Hash for Permission {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialOrd for Permission {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Permission {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Read your own profile.
pub const PROFILE_READ: Permission = Permission::new("profile:read", "Read your own profile.");
/// Change your own profile.
pub const PROFILE_WRITE: Permission = Permission::new("profile:write", "Change your own profile.");
/// Read every user.
pub const USERS_READ: Permission = Permission::new("users:read", "Read every user.");
/// Change users and their status, and grant roles whose permissions you hold.
pub const USERS_WRITE: Permission =
    Permission::new("users:write", "Change users and their status, and grant roles whose permissions you hold.")
        .administrative();
/// Link and unlink the identities by which other users sign in.
pub const IDENTITIES_WRITE: Permission =
    Permission::new("identities:write", "Link and unlink the identities by which other users sign in.")
        .administrative();
/// Read roles and what they grant.
pub const ROLES_READ: Permission = Permission::new("roles:read", "Read roles and what they grant.");
/// Create, change and delete roles.
pub const ROLES_WRITE: Permission = Permission::new("roles:write", "Create, change and delete roles.").administrative();
/// Grant any role without administrative permissions, even if you do not hold its permissions.
pub const ROLES_ASSIGN: Permission =
    Permission::new("roles:assign", "Grant any role without administrative permissions.").administrative();
/// Read every service account.
pub const SERVICE_ACCOUNTS_READ: Permission = Permission::new("service-accounts:read", "Read every service account.");
/// Register and change service accounts.
pub const SERVICE_ACCOUNTS_WRITE: Permission =
    Permission::new("service-accounts:write", "Register and change service accounts.").administrative();
/// Read the audit trail.
pub const AUDIT_READ: Permission = Permission::new("audit:read", "Read the audit trail.");

/// The permissions of the service itself.
pub const BUILT_IN: [Permission; 11] = [
    PROFILE_READ,
    PROFILE_WRITE,
    USERS_READ,
    USERS_WRITE,
    IDENTITIES_WRITE,
    ROLES_READ,
    ROLES_WRITE,
    ROLES_ASSIGN,
    SERVICE_ACCOUNTS_READ,
    SERVICE_ACCOUNTS_WRITE,
    AUDIT_READ,
];

/// A set of permissions, ordered by name.
pub type PermissionSet = BTreeSet<Permission>;

/// All declared permissions: the built-in ones and those of the application.
#[derive(Clone, Debug)]
pub struct DeclaredPermissions(BTreeMap<&'static str, Permission>);

impl DeclaredPermissions {
    /// Returns the built-in permissions and `own`. Fails with the name of the first permission that is declared twice.
    pub fn new(own: impl IntoIterator<Item = Permission>) -> Result<Self, &'static str> {
        let mut declared = BTreeMap::new();
        for permission in BUILT_IN.into_iter().chain(own) {
            if declared.insert(permission.name, permission).is_some() {
                return Err(permission.name);
            }
        }
        Ok(Self(declared))
    }

    /// Returns the permission of this exact name; `None` if it is not declared.
    pub fn find(&self, name: &str) -> Option<Permission> {
        self.0.get(name).copied()
    }

    /// All declared permissions, ordered by name.
    pub fn all(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_a_resource_and_an_action() {
        for good in ["users:read", "service-accounts:write", "a:b2"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["", "users", ":read", "users:", "a:b:c", "Users:read", "users: read", "users:réad"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn duplicate_permission_is_rejected() {
        let twice = Permission::new("users:read", "Something else.");
        assert_eq!(DeclaredPermissions::new([twice]).unwrap_err(), "users:read");
    }

    #[test]
    fn documentation_lists_every_built_in_permission() {
        let documented = include_str!("../../docs/access.md");
        for permission in BUILT_IN {
            let administrative = if permission.is_administrative() { " yes" } else { "" };
            let row = format!("| `{}` |{administrative} | {} |", permission.name(), permission.summary());
            assert!(documented.contains(&row), "docs/access.md lacks {row}");
        }
    }

    #[test]
    fn unknown_name_is_not_found() {
        let declared = DeclaredPermissions::new([]).unwrap();
        assert_eq!(declared.find("users:read"), Some(USERS_READ));
        assert_eq!(declared.find("users:reads"), None);
        assert_eq!(declared.find("USERS:READ"), None);
    }
}
