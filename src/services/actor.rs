//! The actor of a change and its rights.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::database::DbConnection;
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, PrincipalId};
use crate::oidc::Claims;
use crate::repositories::principals;

use super::callers::first_contact;
use super::roles::decision::{Decision, decide};
use super::roles::held_role::{self, ClaimedRoles};
use super::{Failure, KnownPrincipal, ResolvedPrincipal};

/// The actor of a change. The actor of a request holds only the permissions that its token delegates *and* its roles grant.
#[derive(Clone, Debug)]
pub struct Actor {
    authority: Authority,
    request_id: Option<String>,
}

/// The source of an actor's rights.
#[derive(Clone, Debug)]
enum Authority {
    /// The command line. It works on the database directly, so its rights are unlimited.
    CommandLine,
    /// A request: the verified token, its principal, and the permission that the route requires.
    Request { claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>, admitted_for: Option<Permission> },
}

impl Actor {
    /// Returns the actor of the command line, the only one that is not limited by a token.
    pub fn command_line() -> Self {
        Self { authority: Authority::CommandLine, request_id: None }
    }

    /// Returns the actor of a request. `admitted_for` is the permission that the route requires, if any. Only the verifier creates
    /// `Claims`, so an actor cannot be built from a list of permissions.
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

    /// Whether the actor is this principal.
    pub(super) fn is(&self, principal: PrincipalId) -> bool {
        self.principal() == Some(principal)
    }

    /// Whether the actor effectively holds `permission`: its token delegates it and its roles grant it.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Request { claims, principal, .. } => decide(claims, principal, permission) == Decision::Allowed,
        }
    }

    /// Whether the actor's roles grant `permission`, regardless of delegation.
    pub(super) fn is_granted(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::CommandLine => true,
            Authority::Request { principal, .. } => principal.grants(permission),
        }
    }

    /// Whether the actor has a role of this name or its token carries the name, even if no such role exists.
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

    /// The scope that the actor's client requests from its issuer for `permission`.
    pub(super) fn spelled_scope(&self, permission: Permission) -> String {
        match &self.authority {
            Authority::CommandLine => permission.name().to_owned(),
            Authority::Request { claims, .. } => claims.spelled_scope(permission.name()),
        }
    }

    /// Returns the actor with its rights as of this transaction. Another administrator may have disabled or demoted the actor since the
    /// guard's decision. Fails if the actor is no longer admitted or no longer holds the permission that the route requires.
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
        let claims = Arc::clone(claims);
        let principal = Arc::new(principal);
        let admitted_for = *admitted_for;
        let authority = Authority::Request { claims, principal, admitted_for };
        let actor = Self { authority, request_id: self.request_id.clone() };
        match admitted_for {
            Some(permission) if !actor.may(permission) => {
                Err(Failure::InsufficientPrivilege { missing: vec![permission.name()] })
            }
            _ => Ok(actor),
        }
    }

    /// Returns an audit event: this actor did `action` on `target`.
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
