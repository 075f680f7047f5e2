//! The guard in front of a handler: authentication, rate limit, authorization.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web;
use tracing::Instrument;

use super::access::Access;
use super::bearer::{self, Credential};
use super::caller::Caller;
use super::session::{BrowserSessions, CookieKind};
use crate::Clock;
use crate::error::Error;
use crate::limits::rate_limit::RateLimits;
use crate::oidc::{Claims, TokenVerifier};
use crate::services::{Decision, Failure, Need, PrincipalService, SessionHolder};

/// Authenticates and authorizes requests. There is one per process.
pub(crate) struct Authenticator {
    clock: Clock,
    verifier: TokenVerifier,
    principals: PrincipalService,
    /// `None` if browser sign-in is not enabled.
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

    /// Returns the token verifier.
    pub(crate) fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// Returns the service that resolves principals.
    pub(crate) fn principals(&self) -> &PrincipalService {
        &self.principals
    }

    /// Fast path: authorizes a cached caller, or refuses a cached refused one, synchronously and without allocating a future.
    pub(crate) fn try_cached(&self, access: Access, request: &ServiceRequest) -> CacheLookup {
        match self.cached_caller(access, request) {
            Ok(caller) => CacheLookup::Decided(self.authorize(access, caller)),
            Err(claims) => match claims.as_ref().and_then(|claims| self.cached_refusal(access, request, claims)) {
                Some(refusal) => CacheLookup::Decided(Err(refusal)),
                None => CacheLookup::Undecided(claims),
            },
        }
    }

    /// Authenticates and authorizes a request that is [not cached](Self::try_cached): by its bearer token or, if it has no `Authorization`
    /// field, by its session cookie. `claims` are those of a cached token.
    ///
    /// The budget of the address is checked before any expensive step. A request without a credential does not count against it.
    pub(crate) async fn authenticate(
        &self,
        access: Access,
        request: &ServiceRequest,
        claims: Option<Arc<Claims>>,
    ) -> Result<Caller, Error> {
        let caller = match self.session_cookie(request) {
            // Boxed, so that the future of a token request stays small.
            Some((sessions, cookie)) => Box::pin(self.by_session(access, request, sessions, cookie)).await,
            None => self.by_token(access, request, claims).await,
        };
        self.authorize(access, caller?)
    }

    /// Returns the caller if token and principal are cached. Otherwise fails with the claims, if the token is cached.
    fn cached_caller(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Option<Arc<Claims>>> {
        let credential = bearer::credential(request.headers()).ok().flatten().ok_or(None)?;
        let now = self.clock.microseconds();
        let claims = self.verifier.cached(credential.as_presented(), now).ok_or(None)?;
        match self.principals.cached(&claims, access.need(), now) {
            Some(principal) => Ok(Caller::new(access, claims, principal)),
            None => Err(Some(claims)),
        }
    }

    /// Returns the refusal of a request with a verified token, if the refusal of its principal is cached.
    fn cached_refusal(&self, access: Access, request: &ServiceRequest, claims: &Claims) -> Option<Error> {
        let refused = self.principals.cached_refusal(claims, access.need(), self.clock.microseconds())?;
        let credential = bearer::credential(request.headers()).ok().flatten()?;
        Some(self.limits.refuse_cached(request.request(), credential.as_presented(), refused))
    }

    /// Returns the session cookie of a request without an `Authorization` field, and the sessions.
    fn session_cookie(&self, request: &ServiceRequest) -> Option<(&BrowserSessions, Result<String, Error>)> {
        let sessions = self.sessions.as_ref().filter(|_| !request.headers().contains_key(AUTHORIZATION))?;
        let cookie = sessions.cookies.read(request.request(), CookieKind::Session).transpose()?;
        Some((sessions, cookie))
    }

    /// Returns the caller of a session cookie.
    async fn by_session(
        &self,
        access: Access,
        request: &ServiceRequest,
        sessions: &BrowserSessions,
        cookie: Result<String, Error>,
    ) -> Result<Caller, Error> {
        let cookie = cookie.map_err(|malformed| self.limits.refuse_unreadable(request.request(), malformed))?;
        sessions.check_page(request.method(), request.headers())?;
        // Not counted: every open tab of an ended session repeats its requests. They cost nothing, and must not exhaust the budget of
        // the address. The first of these requests was counted.
        if sessions.service.has_ended(&cookie) {
            return Err(Failure::SessionEnded.into());
        }
        let attempt = self.limits.begin(request.request(), cookie.as_bytes())?;
        let holder = sessions.service.resolve(&cookie, access.need()).await.map_err(Error::from);
        attempt.settle(&holder);
        let SessionHolder { claims, principal, session } = holder?;
        Ok(Caller::new(access, claims, principal).with_session(session))
    }

    /// Returns the caller of a bearer token that is not [cached](Self::cached_caller). With `claims`, the token is already verified and
    /// only its principal is resolved.
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
            None => self.verify(access, request, credential).await,
        };
        attempt.settle(&caller);
        caller
    }

    async fn verify(
        &self,
        access: Access,
        request: &ServiceRequest,
        credential: Credential<'_>,
    ) -> Result<Caller, Error> {
        let sender = self.limits.client_of(request.request());
        let claims = self.verifier.prove(credential.token()?, sender).instrument(tracing::debug_span!("verify"));
        self.caller_of(access, claims.await?).await
    }

    /// Returns the caller of a token.
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

    /// Authorizes an authenticated caller. Fails if its request budget is exhausted or the access is not allowed.
    fn authorize(&self, access: Access, caller: Caller) -> Result<Caller, Error> {
        self.limits.take(caller.principal())?;
        require(access, &caller)?;
        Ok(caller)
    }
}

impl Access {
    /// Returns the kind of permission that this access needs, which decides how long a cached principal is valid.
    fn need(self) -> Need {
        match self {
            Self::Requires(permission) if permission.is_administrative() => Need::Administrative,
            Self::Public | Self::Authenticated | Self::Requires(_) => Need::Ordinary,
        }
    }
}

/// The result of the cache lookup.
pub(crate) enum CacheLookup {
    /// The caller is cached, and authorized or refused.
    Decided(Result<Caller, Error>),
    /// The caller must be [authenticated](Authenticator::authenticate), with these claims if the token is cached.
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
