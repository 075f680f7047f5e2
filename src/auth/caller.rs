//! The caller: a proved token and the local principal behind it, and what the two allow together.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};

use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::Permission;
use crate::oidc::{Claims, SubjectKind};
use crate::services::{Actor, ResolvedPrincipal, SessionView};

/// Who is behind a request: only the guard makes one, so a handler that holds it runs for a proved, active principal.
///
/// As an extractor it fails closed: on a route that was registered as public there is none, and the answer is 500.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Arc<Claims>,
    principal: Arc<ResolvedPrincipal>,
    session: Option<Rc<SessionView>>,
}

/// Whether a caller may use a permission, and if not, what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Delegated and granted.
    Allowed,
    /// The token does not carry the scope. Told first where both are missing: a role would not help.
    MissingScope,
    /// No role grants it.
    MissingPermission,
}

impl Caller {
    pub(super) fn new(claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>) -> Self {
        Self { claims, principal, session: None }
    }

    pub(super) fn with_session(claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>, session: SessionView) -> Self {
        Self { claims, principal, session: Some(Rc::new(session)) }
    }

    /// The local principal's id: what to store as the owner of things.
    pub fn principal_id(&self) -> &PrincipalId {
        self.principal.id()
    }

    /// Whether this is a program acting for itself.
    pub fn is_machine(&self) -> bool {
        self.claims.kind() == SubjectKind::Machine
    }

    /// The client that obtained the token, where the issuer says.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id()
    }

    /// Whether both the token and the principal's roles allow it. The guard has asked this already for the route's own permission;
    /// ask it where a handler has a finer choice to make.
    pub fn may(&self, permission: Permission) -> bool {
        self.decide(permission) == Decision::Allowed
    }

    /// The rule at the centre: an intersection, so that no client exceeds its user and no user exceeds their roles.
    pub(crate) fn decide(&self, permission: Permission) -> Decision {
        if !self.is_delegated(permission) {
            Decision::MissingScope
        } else if !self.principal.grants(permission) {
            Decision::MissingPermission
        } else {
            Decision::Allowed
        }
    }

    /// Whether the token's client may use the permission at all.
    pub(crate) fn is_delegated(&self, permission: Permission) -> bool {
        is_delegated(&self.claims, permission)
    }

    /// The session whose cookie they came by, if it was not a token.
    pub(crate) fn session(&self) -> Option<&SessionView> {
        self.session.as_deref()
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn principal(&self) -> &Arc<ResolvedPrincipal> {
        &self.principal
    }

    /// The caller as the one who changes something.
    pub(crate) fn actor(&self, request_id: String) -> Actor {
        Actor {
            principal: Some(*self.principal_id()),
            client: self.client_id().map(str::to_owned),
            permissions: self.principal.permissions(),
            request_id: Some(request_id),
        }
    }
}

/// Whether a token's client may use the permission at all: by scope, as a first-party client, or because the issuer does not delegate
/// by scope.
pub(crate) fn is_delegated(claims: &Claims, permission: Permission) -> bool {
    claims.is_first_party() || claims.are_scopes_unused() || claims.scopes().contains(permission.name())
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(Error::Unguarded))
    }
}
