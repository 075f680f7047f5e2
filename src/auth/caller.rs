//! The caller of a request: verified claims, the local principal, and the permissions that both allow.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};

use super::access::Access;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::Permission;
use crate::oidc::{Claims, SubjectKind};
use crate::services::{Actor, Decision, ResolvedPrincipal, SessionView, decide, is_delegated};

/// The authenticated caller of a request. Only the guard creates it, so a handler with a `Caller` runs for a verified, active principal.
///
/// As an extractor it fails closed: on a route that is registered as public, the response is 500.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Arc<Claims>,
    principal: Arc<ResolvedPrincipal>,
    session: Option<Rc<SessionView>>,
    /// The permission that the route requires, if any.
    admitted_for: Option<Permission>,
}

impl Caller {
    /// Creates a caller for a route with this access. The guard has not authorized it yet.
    pub(super) fn new(access: Access, claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>) -> Self {
        Self { claims, principal, session: None, admitted_for: access.permission() }
    }

    /// Adds the session whose cookie authenticated the caller.
    pub(super) fn with_session(self, session: SessionView) -> Self {
        Self { session: Some(Rc::new(session)), ..self }
    }

    /// Returns the id of the local principal. Store this id as the owner of a resource.
    pub fn principal_id(&self) -> &PrincipalId {
        self.principal.id()
    }

    /// Whether the caller is a service account.
    pub fn is_machine(&self) -> bool {
        self.claims.kind() == SubjectKind::Machine
    }

    /// Returns the id of the client that obtained the token, if the token names it.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id()
    }

    /// Whether both the token and the principal's roles allow the permission. The guard has already checked the permission of the route;
    /// use this for further decisions in a handler.
    pub fn may(&self, permission: Permission) -> bool {
        self.decide(permission) == Decision::Allowed
    }

    /// Returns whether the permission is allowed, or which of token and roles denies it.
    pub(crate) fn decide(&self, permission: Permission) -> Decision {
        decide(&self.claims, &self.principal, permission)
    }

    /// Whether the token delegates the permission to its client.
    pub(crate) fn is_delegated(&self, permission: Permission) -> bool {
        is_delegated(&self.claims, permission)
    }

    /// Returns the session, if a cookie authenticated the caller.
    pub(crate) fn session(&self) -> Option<&SessionView> {
        self.session.as_deref()
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn principal(&self) -> &Arc<ResolvedPrincipal> {
        &self.principal
    }

    /// Returns the caller as the actor of a change, limited to the token and roles of this request.
    pub(crate) fn actor(&self, request_id: String) -> Actor {
        Actor::of_request(Arc::clone(&self.claims), Arc::clone(&self.principal), self.admitted_for, request_id)
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(Error::Unguarded))
    }
}
