//! The guard in front of a handler: authenticate, then require, then let through.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web;
use tracing::Instrument;

use super::access::Access;
use super::bearer::{self, Credential};
use super::caller::Caller;
use super::rate_limit::RateLimits;
use super::session::{BrowserSessions, CookieKind};
use crate::Clock;
use crate::error::Error;
use crate::oidc::{Claims, TokenVerifier};
use crate::services::{Decision, Failure, Need, PrincipalService, SessionHolder};

/// Proves credentials: what the guard needs, one per process.
pub(crate) struct Authenticator {
    clock: Clock,
    verifier: TokenVerifier,
    principals: PrincipalService,
    /// `None` where nobody signs in with a browser.
    sessions: Option<web::Data<BrowserSessions>>,
    limits: web::Data<RateLimits>,
}

impl Authenticator {
    pub(crate) fn new(
        clock: Clock,
        verifier: TokenVerifier,
        principals: PrincipalService,
        sessions: Option<web::Data<BrowserSessions>>,
        limits: web::Data<RateLimits>,
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
    pub(super) fn try_cached(&self, access: Access, request: &ServiceRequest) -> CacheLookup {
        match self.cached_caller(access, request) {
            Ok(caller) => CacheLookup::Decided(self.authorize(access, caller)),
            Err(claims) => match claims.as_ref().and_then(|claims| self.cached_refusal(access, request, claims)) {
                Some(refusal) => CacheLookup::Decided(Err(refusal)),
                None => CacheLookup::Undecided(claims),
            },
        }
    }

    /// The caller of a request that was not [recognized](Self::try_cached), if there is one who may have what asks for this access: by its
    /// bearer token or, where there is no `Authorization` at all, by its session.
    ///
    /// The budget of the request's address is asked before anything that costs. A request without a credential does not take from it.
    pub(super) async fn authenticate(
        &self,
        access: Access,
        request: &ServiceRequest,
        claims: Option<Arc<Claims>>,
    ) -> Result<Caller, Error> {
        let caller = match self.session_cookie(request) {
            // Boxed: whoever comes with a token would carry it along.
            Some((sessions, cookie)) => Box::pin(self.by_session(access, request, sessions, cookie)).await,
            None => self.by_token(access, request, claims).await,
        };
        self.authorize(access, caller?)
    }

    /// The caller whose bearer token and principal are remembered, without waiting for anything; else the claims, where the token is.
    fn cached_caller(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Option<Arc<Claims>>> {
        let credential = bearer::credential(request.headers()).ok().flatten().ok_or(None)?;
        let now = self.clock.microseconds();
        let claims = self.verifier.cached(credential.as_presented(), now).ok_or(None)?;
        match self.principals.cached(&claims, access.need(), now) {
            Some(principal) => Ok(Caller::new(access, claims, principal)),
            None => Err(Some(claims)),
        }
    }

    /// What a request is answered whose token is good, but whose principal is known to be refused.
    fn cached_refusal(&self, access: Access, request: &ServiceRequest, claims: &Claims) -> Option<Error> {
        let refused = self.principals.cached_refusal(claims, access.need(), self.clock.microseconds())?;
        let credential = bearer::credential(request.headers()).ok().flatten()?;
        Some(self.limits.refuse_remembered(request.request(), credential.as_presented(), refused))
    }

    /// The session's cookie of a request that has no `Authorization`, and what knows sessions.
    fn session_cookie(&self, request: &ServiceRequest) -> Option<(&BrowserSessions, Result<String, Error>)> {
        let sessions = self.sessions.as_ref().filter(|_| !request.headers().contains_key(AUTHORIZATION))?;
        let cookie = sessions.cookies.read(request.request(), CookieKind::Session).transpose()?;
        Some((sessions, cookie))
    }

    /// The caller by a session's cookie, or why there is none.
    async fn by_session(
        &self,
        access: Access,
        request: &ServiceRequest,
        sessions: &BrowserSessions,
        cookie: Result<String, Error>,
    ) -> Result<Caller, Error> {
        let cookie = cookie.map_err(|malformed| self.limits.refuse_unreadable(request.request(), malformed))?;
        sessions.check_page(request.method(), request.headers())?;
        // Not counted: each tab of a person whose session has just ended asks again and again, which costs nothing and must not keep
        // their network out. The first of these requests was counted.
        if sessions.service.has_ended(&cookie) {
            return Err(Failure::SessionEnded.into());
        }
        let attempt = self.limits.begin(request.request(), cookie.as_bytes())?;
        let holder = sessions.service.resolve(&cookie, access.need()).await.map_err(Error::from);
        attempt.settle(&holder);
        let SessionHolder { claims, principal, session } = holder?;
        Ok(Caller::new(access, claims, principal).with_session(session))
    }

    /// The caller by a bearer token that could not be [recalled](Self::cached_caller), or why there is none. `claims` are the token's where it is
    /// proved already, and only its principal is to be found.
    async fn by_token(
        &self,
        access: Access,
        request: &ServiceRequest,
        claims: Option<Arc<Claims>>,
    ) -> Result<Caller, Error> {
        let credential = bearer::credential(request.headers())
            .map_err(|malformed| self.limits.refuse_unreadable(request.request(), malformed.into()))?
            .ok_or(Error::MissingToken)?;
        let attempt = self.limits.begin(request.request(), credential.as_presented())?;
        let caller = match claims {
            Some(claims) => self.caller_of(access, claims).await,
            None => self.prove(access, request, credential).await,
        };
        attempt.settle(&caller);
        caller
    }

    async fn prove(
        &self,
        access: Access,
        request: &ServiceRequest,
        credential: Credential<'_>,
    ) -> Result<Caller, Error> {
        let sender = self.limits.client_of(request.request());
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
        Ok(Caller::new(access, claims, principal))
    }

    /// Lets an authenticated caller in, who may have what asks for this access and has not asked too often.
    fn authorize(&self, access: Access, caller: Caller) -> Result<Caller, Error> {
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
pub(super) enum CacheLookup {
    /// It is, and whether they may have what they ask for.
    Decided(Result<Caller, Error>),
    /// It has to be [found out](Authenticator::authenticate), by these claims where the token was proved already.
    Undecided(Option<Arc<Claims>>),
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
