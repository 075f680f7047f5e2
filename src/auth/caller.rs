//! The caller: a proved token and the local principal behind it, and what the two allow together.

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

/// Who is behind a request: only the guard makes one, so a handler that holds it runs for a proved, active principal.
///
/// As an extractor it fails closed: on a route that was registered as public there is none, and the answer is 500.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Arc<Claims>,
    principal: Arc<ResolvedPrincipal>,
    session: Option<Rc<SessionView>>,
    /// The permission of the route, if it asks for one.
    admitted_for: Option<Permission>,
}

impl Caller {
    /// A caller of a route with this access, whom the guard has yet to admit.
    pub(super) fn new(access: Access, claims: Arc<Claims>, principal: Arc<ResolvedPrincipal>) -> Self {
        Self { claims, principal, session: None, admitted_for: access.permission() }
    }

    /// The same caller, who came by the cookie of a session.
    pub(super) fn with_session(self, session: SessionView) -> Self {
        Self { session: Some(Rc::new(session)), ..self }
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

    /// Whether both allow it, and if not, which of them does not.
    pub(crate) fn decide(&self, permission: Permission) -> Decision {
        decide(&self.claims, &self.principal, permission)
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

    /// The caller as the actor of a change, bounded by this request's token and roles.
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
