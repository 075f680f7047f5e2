//! The roles that a principal holds, and what they add up to.

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
    /// The presented token. Gone with it: nothing is stored.
    Claim,
}

impl RoleSource {
    /// The word for it in answers.
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
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: RoleSource,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Moment>,
    /// What it grants.
    pub permissions: PermissionSet,
}

/// A principal with the roles it holds.
#[derive(Clone, Debug)]
pub struct KnownPrincipal {
    principal: Principal,
    roles: Vec<HeldRole>,
}

impl KnownPrincipal {
    pub(super) fn new(principal: Principal, roles: Vec<HeldRole>) -> Self {
        Self { principal, roles }
    }

    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The roles it holds, in the order of their names; one role may be held from several sources.
    pub fn roles(&self) -> &[HeldRole] {
        &self.roles
    }

    /// The principal and its roles, apart.
    pub(super) fn into_parts(self) -> (Principal, Vec<HeldRole>) {
        (self.principal, self.roles)
    }

    /// Everything that its roles grant.
    pub fn permissions(&self) -> PermissionSet {
        union(&self.roles)
    }
}

/// Everything that `roles` grant.
pub(super) fn union(roles: &[HeldRole]) -> PermissionSet {
    roles.iter().flat_map(|role| role.permissions.iter().copied()).collect()
}

/// The role names that a token carries.
#[derive(Clone, Copy)]
pub(super) struct ClaimedRoles<'a> {
    /// All of them.
    names: &'a BTreeSet<String>,
    /// The roles that the token's issuer may give although they hold administrative permissions.
    administrative: &'a BTreeSet<String>,
}

impl<'a> ClaimedRoles<'a> {
    /// Those of proved claims.
    pub(super) fn of(claims: &'a Claims) -> Self {
        Self { names: claims.roles(), administrative: claims.administrative_roles() }
    }

    /// `names`, of which those in `administrative` count though they hold administrative permissions.
    pub(super) fn new(names: &'a BTreeSet<String>, administrative: &'a BTreeSet<String>) -> Self {
        Self { names, administrative }
    }

    /// None, which leaves the stored grants.
    pub(super) fn none() -> Self {
        static NONE: BTreeSet<String> = BTreeSet::new();
        Self { names: &NONE, administrative: &NONE }
    }

    /// Whether a role of this name counts, given what it grants.
    fn counts(self, name: &str, permissions: &PermissionSet) -> bool {
        self.administrative.contains(name) || !permissions.iter().any(Permission::is_administrative)
    }
}

/// The roles that `principal` holds at `now`: stored grants that have not ended, and those of `claimed` that are roles here and count.
pub(super) fn list(
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
                    "ignoring a role that a token carries: it holds administrative permissions and `administrative_roles` of the token's issuer does not name it"
                );
            }
        }
        held.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(held)
}

/// Adds one permission to the role of this name and source, which is the last one added, if it is there already.
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
