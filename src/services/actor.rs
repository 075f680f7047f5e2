//! The actor behind a change, and what it may do.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, PrincipalId};
use crate::oidc::Claims;
use crate::repositories::principals;

use super::decision::{Decision, decide};
use super::held_role::{self, ClaimedRoles};
use super::{Failure, KnownPrincipal, ResolvedPrincipal, first_contact};

/// The actor behind a change. A request's actor is bounded by the request: it holds what its token delegates *and* its roles grant.
#[derive(Clone, Debug)]
pub struct Actor {
    authority: Authority,
    request_id: Option<String>,
}

/// What an actor's rights rest on.
#[derive(Clone, Debug)]
enum Authority {
    /// The command line. It works on the database itself, so nothing is above its rights.
    CommandLine,
    /// A request: the token that was proved, the principal that it stands for, and the permission that the route asked for.
    Request { claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>, admitted_for: Option<Permission> },
}

impl Actor {
    /// The actor of the command line, the only one that is bounded by no token.
    pub fn command_line() -> Self {
        Self { authority: Authority::CommandLine, request_id: None }
    }

    /// The actor of a request that was admitted for the permission of its route, if the route asks for one. Claims come from the
    /// verifier alone, so an actor can't be made from permissions.
    pub fn of_request(
        claims: Arc<Claims>,
        principal: Arc<ResolvedPrincipal>,
        admitted_for: Option<Permission>,
        request_id: String,
    ) -> Self {
        Self { authority: Authority::Request { claims, principal, admitted_for }, request_id: Some(request_id) }
    }

    /// The acting principal; `None` for the command line.
    pub fn principal(&self) -> Option<PrincipalId> {
        match &self.authority {
            Authority::CommandLine => None,
            Authority::Request { principal, .. } => Some(*principal.id()),
        }
    }

    /// Whether this is the principal of that id.
    pub(super) fn is(&self, principal: PrincipalId) -> bool {
        self.principal() == Some(principal)
    }

    /// Whether the actor effectively holds `permission`: delegated to its token and granted by its roles.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Request { claims, principal, .. } => decide(claims, principal, permission) == Decision::Allowed,
        }
    }

    /// Whether the actor's roles grant `permission`, delegated or not.
    pub(super) fn is_granted(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Request { principal, .. } => principal.grants(permission),
        }
    }

    /// Whether the actor has a role of this name, or would have it if there were one: its token carries the name.
    pub(super) fn has_role(&self, name: &str) -> bool {
        match &self.authority {
            Authority::CommandLine => false,
            Authority::Request { claims, principal, .. } => {
                claims.roles().contains(name) || principal.roles().iter().any(|role| role.name == name)
            }
        }
    }

    /// Whether a role of the actor other than `name` grants `permission`.
    pub(super) fn is_granted_without(&self, name: &str, permission: Permission) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Request { principal, .. } => {
                principal.roles().iter().any(|role| role.name != name && role.permissions.contains(&permission))
            }
        }
    }

    /// A permission as the scope that the actor's client asks its issuer for.
    pub(super) fn spelled_scope(&self, permission: Permission) -> String {
        match &self.authority {
            Authority::CommandLine => permission.name().to_owned(),
            Authority::Request { claims, .. } => claims.spelled_scope(permission.name()),
        }
    }

    /// The same actor with the rights that it has in this transaction. The guard's decision may be some milliseconds old, and another
    /// administrator may have disabled or demoted the actor since: then this fails.
    pub(super) fn as_of(
        &self,
        conn: &mut DbConnection,
        declared: &DeclaredPermissions,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let Authority::Request { claims, principal: known, admitted_for } = &self.authority else {
            return Ok(self.clone());
        };
        let principal = principals::find(conn, *known.id())?.ok_or(Failure::PrincipalDeleted)?;
        first_contact::admit_again(&principal, claims, now)?;
        let roles = held_role::list(conn, declared, principal.id, ClaimedRoles::of(claims), now)?;
        let principal = ResolvedPrincipal::once(KnownPrincipal::new(principal, roles), known.identity());
        let (claims, principal, admitted_for) = (Arc::clone(claims), Arc::new(principal), *admitted_for);
        let authority = Authority::Request { claims, principal, admitted_for };
        let actor = Self { authority, request_id: self.request_id.clone() };
        match admitted_for {
            Some(permission) if !actor.may(permission) => {
                Err(Failure::InsufficientPrivilege { missing: vec![permission.name()] })
            }
            _ => Ok(actor),
        }
    }

    /// The event of this actor doing `action` on `target`.
    pub(super) fn event(&self, at: Moment, action: AuditAction, target: impl Into<AuditTarget>) -> AuditEvent {
        let mut event = AuditEvent::new(at, action, target);
        event.request_id.clone_from(&self.request_id);
        if let Authority::Request { claims, principal, .. } = &self.authority {
            event.actor = Some(*principal.id());
            event.actor_identity = Some(principal.identity().to_owned());
            event.client = claims.client_id().map(str::to_owned);
        }
        event
    }
}
