//! The guard in front of a handler: authenticate, then require, then let through.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web;
use tracing::Instrument;

use super::access::Access;
use super::bearer;
use super::caller::{Caller, Decision};
use super::rate_limit::RateLimits;
use super::session::{BrowserSessions, Jar};
use crate::error::Error;
use crate::oidc::{Claims, TokenVerifier};
use crate::services::{Need, PrincipalService, SessionHolder};

/// Proves credentials: what the guard needs, one per process.
pub(crate) struct Authenticator {
    verifier: TokenVerifier,
    principals: PrincipalService,
    /// `None` where nobody signs in with a browser.
    sessions: Option<web::Data<BrowserSessions>>,
    limits: RateLimits,
}

impl Authenticator {
    pub(crate) fn new(
        verifier: TokenVerifier,
        principals: PrincipalService,
        sessions: Option<web::Data<BrowserSessions>>,
        limits: RateLimits,
    ) -> Self {
        Self { verifier, principals, sessions, limits }
    }

    /// What proves tokens.
    pub(crate) fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// Who finds the principals behind them.
    pub(crate) fn principals(&self) -> &PrincipalService {
        &self.principals
    }

    /// The caller behind a request's bearer token or, where there is no `Authorization` at all, its session; or why there is none.
    async fn authenticate(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Error> {
        if let Some(sessions) = &self.sessions
            && !request.headers().contains_key(AUTHORIZATION)
            && let Some(token) = sessions.cookies.read(request.request(), Jar::Session)?
        {
            sessions.check_page(request.method(), request.headers())?;
            let SessionHolder { claims, principal, session } = sessions.service.resolve(&token, access.need()).await?;
            return Ok(Caller::with_session(claims, principal, session));
        }
        let credential = bearer::credential(request.headers())?.ok_or(Error::MissingToken)?;
        let claims = match self.verifier.recall(credential.as_presented()) {
            Some(claims) => claims,
            None => self.verifier.prove(credential.token()?).instrument(tracing::debug_span!("verify")).await?,
        };
        self.caller_of(access, claims).await
    }

    /// The caller that a token speaks for, or why there is none.
    #[cfg(feature = "dev")]
    pub(crate) async fn caller(&self, access: Access, unverified_token: &str) -> Result<Caller, Error> {
        let claims = self.verifier.verify(unverified_token).await?;
        self.caller_of(access, claims).await
    }

    async fn caller_of(&self, access: Access, claims: Arc<Claims>) -> Result<Caller, Error> {
        let resolved = self.principals.resolve_for(&claims, access.need()).instrument(tracing::debug_span!("resolve"));
        let principal = resolved.await?;
        Ok(Caller::new(claims, principal))
    }
}

impl Access {
    /// How well the caller has to be known for it.
    fn need(self) -> Need {
        match self {
            Self::Requires(permission) if permission.is_administrative() => Need::Administrative,
            Self::Public | Self::Authenticated | Self::Requires(_) => Need::Ordinary,
        }
    }
}

/// The caller of a request, if there is one who may have what asks for this access.
pub(super) async fn admit(access: Access, request: &ServiceRequest) -> Result<Caller, Error> {
    let authenticator = request.app_data::<web::Data<Authenticator>>().ok_or(Error::Unguarded)?;
    let authenticated = authenticator.authenticate(access, request).await;
    let caller = authenticated.map_err(|refusal| authenticator.limits.after_refusal(request, refusal))?;
    authenticator.limits.take(caller.principal_id())?;
    require(access, &caller)?;
    Ok(caller)
}

fn require(access: Access, caller: &Caller) -> Result<(), Error> {
    let Access::Requires(permission) = access else { return Ok(()) };
    match caller.decide(permission) {
        Decision::Allowed => Ok(()),
        Decision::MissingScope => {
            let scope = caller.claims().spelled_scope(permission.name());
            Err(Error::MissingScope { permission, scope })
        }
        Decision::MissingPermission => Err(Error::MissingPermission(permission)),
    }
}
