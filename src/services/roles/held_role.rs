//! The roles that a principal holds and their combined permissions.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::QueryResult;

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet};
use crate::models::{GrantSource, Moment, Principal, PrincipalId, computed_permissions};
use crate::oidc::Claims;
use crate::repositories::{grants, roles};

/// Where a held role comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleSource {
    /// A stored grant.
    Grant(GrantSource),
    /// The presented token. Not stored, so it ends with the token.
    Claim,
}

impl RoleSource {
    /// The name of the source in responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant(source) => source.as_str(),
            Self::Claim => "claim",
        }
    }
}

/// A role that a principal holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRole {
    /// The name of the role.
    pub name: String,
    /// The source of the role.
    pub source: RoleSource,
    /// The expiry, if any.
    pub expires_at: Option<Moment>,
    /// The permissions that the role grants.
    pub permissions: PermissionSet,
}

/// A principal with the roles it holds.
#[derive(Clone, Debug)]
pub struct KnownPrincipal {
    principal: Principal,
    roles: Vec<HeldRole>,
}

impl KnownPrincipal {
    pub(crate) fn new(principal: Principal, roles: Vec<HeldRole>) -> Self {
        Self { principal, roles }
    }

    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The roles it holds, ordered by name; one role may come from several sources.
    pub fn roles(&self) -> &[HeldRole] {
        &self.roles
    }

    /// Returns the principal and its roles.
    pub(crate) fn into_parts(self) -> (Principal, Vec<HeldRole>) {
        (self.principal, self.roles)
    }

    /// The union of the permissions of its roles.
    pub fn permissions(&self) -> PermissionSet {
        union(&self.roles)
    }
}

/// The union of the permissions of `roles`.
pub(crate) fn union(roles: &[HeldRole]) -> PermissionSet {
    roles.iter().flat_map(|role| role.permissions.iter().copied()).collect()
}

/// The role names that a token carries.
#[derive(Clone, Copy)]
pub(crate) struct ClaimedRoles<'a> {
    /// All role names of the token.
    names: &'a BTreeSet<String>,
    /// The roles with administrative permissions that the token's issuer is allowed to assign.
    administrative: &'a BTreeSet<String>,
}

impl<'a> ClaimedRoles<'a> {
    /// Returns the role names of verified claims.
    pub(crate) fn of(claims: &'a Claims) -> Self {
        Self { names: claims.roles(), administrative: claims.administrative_roles() }
    }

    /// Returns `names`; a role with administrative permissions counts only if it is in `administrative`.
    pub(crate) fn new(names: &'a BTreeSet<String>, administrative: &'a BTreeSet<String>) -> Self {
        Self { names, administrative }
    }

    /// Returns an empty set, which leaves only the stored grants.
    pub(crate) fn none() -> Self {
        static NONE: BTreeSet<String> = BTreeSet::new();
        Self { names: &NONE, administrative: &NONE }
    }

    /// Whether a role of this name with these permissions takes effect.
    fn counts(self, name: &str, permissions: &PermissionSet) -> bool {
        self.administrative.contains(name) || !permissions.iter().any(Permission::is_administrative)
    }
}

/// The roles that `principal` holds at `now`: unexpired stored grants, and those roles of `claimed` that exist and take effect.
pub(crate) fn list(
    conn: &mut DbConnection,
    declared: &DeclaredPermissions,
    principal: PrincipalId,
    claimed: ClaimedRoles<'_>,
    now: DateTime<Utc>,
) -> QueryResult<Vec<HeldRole>> {
    let mut held = Vec::new();
    for (name, source, expires_at, permission) in grants::list_with_permissions(conn, principal)? {
        if expires_at.is_none_or(|end| end.utc() > now) {
            add(&mut held, declared, name, RoleSource::Grant(source), expires_at, permission);
        }
    }
    if !claimed.names.is_empty() {
        let mut by_claim = Vec::new();
        for (name, permission) in roles::list_with_permissions(conn, claimed.names)? {
            add(&mut by_claim, declared, name, RoleSource::Claim, None, permission);
        }
        for role in by_claim {
            if claimed.counts(&role.name, &role.permissions) {
                held.push(role);
            } else {
                tracing::warn!(
                    role = role.name,
                    "ignoring administrative role of the token: it is not in `administrative_roles` of the issuer"
                );
            }
        }
        held.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(held)
}

/// Adds one permission to the role of this name and source. Rows are ordered, so an existing entry is always the last one.
fn add(
    held: &mut Vec<HeldRole>,
    declared: &DeclaredPermissions,
    name: String,
    source: RoleSource,
    expires_at: Option<Moment>,
    permission: Option<String>,
) {
    let permission = permission.and_then(|name| declared.find(&name));
    match held.last_mut() {
        Some(last) if last.name == name && last.source == source => last.permissions.extend(permission),
        _ => {
            let permissions = computed_permissions(&name, declared).unwrap_or_else(|| permission.into_iter().collect());
            held.push(HeldRole { name, source, expires_at, permissions });
        }
    }
}
