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
use crate::Clock;
use crate::error::Error;
use crate::oidc::{Claims, TokenVerifier};
use crate::services::{Need, PrincipalService, SessionHolder};

/// Proves credentials: what the guard needs, one per process.
pub(crate) struct Authenticator {
    clock: Clock,
    verifier: TokenVerifier,
    principals: PrincipalService,
    /// `None` where nobody signs in with a browser.
    sessions: Option<web::Data<BrowserSessions>>,
    limits: RateLimits,
}

impl Authenticator {
    pub(crate) fn new(
        clock: Clock,
        verifier: TokenVerifier,
        principals: PrincipalService,
        sessions: Option<web::Data<BrowserSessions>>,
        limits: RateLimits,
    ) -> Self {
        Self { clock, verifier, principals, sessions, limits }
    }

    /// What proves tokens.
    pub(crate) fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// Who finds the principals behind them.
    pub(crate) fn principals(&self) -> &PrincipalService {
        &self.principals
    }

    /// Lets whoever is remembered in without waiting, which spares most requests a future of their own.
    pub(super) fn recognize(&self, access: Access, request: &ServiceRequest) -> Recognition {
        match self.recall(access, request) {
            Ok(caller) => Recognition::Settled(self.let_in(access, caller)),
            Err(claims) => Recognition::Pending(claims),
        }
    }

    /// The caller of a request that was not [recognized](Self::recognize), if there is one who may have what asks for this access.
    pub(super) async fn admit(
        &self,
        access: Access,
        request: &ServiceRequest,
        claims: Option<Arc<Claims>>,
    ) -> Result<Caller, Error> {
        let authenticated = match claims {
            Some(claims) => self.caller_of(access, claims).await,
            None => self.authenticate(access, request).await,
        };
        let caller = authenticated.map_err(|refusal| self.limits.after_refusal(request, refusal))?;
        self.let_in(access, caller)
    }

    /// The caller whose bearer token and principal are remembered, without waiting for anything; else the claims, where the token is.
    fn recall(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Option<Arc<Claims>>> {
        let credential = bearer::credential(request.headers()).ok().flatten().ok_or(None)?;
        let now = self.clock.microseconds();
        let claims = self.verifier.recall(credential.as_presented(), now).ok_or(None)?;
        match self.principals.recall(&claims, access.need(), now) {
            Some(principal) => Ok(Caller::new(claims, principal)),
            None => Err(Some(claims)),
        }
    }

    /// The caller behind what could not be [recalled](Self::recall): the request's bearer token or, where there is no `Authorization`
    /// at all, its session; or why there is none.
    async fn authenticate(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Error> {
        if let Some(sessions) = &self.sessions
            && !request.headers().contains_key(AUTHORIZATION)
            && let Some(token) = sessions.cookies.read(request.request(), Jar::Session)?
        {
            sessions.check_page(request.method(), request.headers())?;
            // Boxed: whoever comes with a token would carry it along.
            let holder = Box::pin(sessions.service.resolve(&token, access.need())).await?;
            let SessionHolder { claims, principal, session } = holder;
            return Ok(Caller::with_session(claims, principal, session));
        }
        let credential = bearer::credential(request.headers())?.ok_or(Error::MissingToken)?;
        let sender = self.limits.client_of(request);
        let proved = self.verifier.prove(credential.token()?, sender).instrument(tracing::debug_span!("verify"));
        self.caller_of(access, proved.await?).await
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

    /// Lets an authenticated caller in, who may have what asks for this access and has not asked too often.
    fn let_in(&self, access: Access, caller: Caller) -> Result<Caller, Error> {
        self.limits.take(caller.principal())?;
        require(access, &caller)?;
        Ok(caller)
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

/// Whether it is known at once who asks.
pub(super) enum Recognition {
    /// It is, and whether they may have what they ask for.
    Settled(Result<Caller, Error>),
    /// It has to be [found out](Authenticator::admit), by these claims where the token was proved already.
    Pending(Option<Arc<Claims>>),
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
