//! The guard in front of a handler: authentication, rate limit, authorization.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web;
use tracing::Instrument;

use super::access::Access;
use super::bearer;
use super::caller::Caller;
use super::caller_cache::{CallerCache, Resolution};
use super::session::{BrowserSessions, CookieKind};
use crate::Clock;
use crate::error::Error;
use crate::limits::rate_limit::{RateLimits, RateState};
use crate::oidc::{Claims, TokenVerifier, VerifiedToken};
use crate::services::{Decision, Failure, Need, PrincipalService, RefusedPrincipal, SessionHolder};

/// Authenticates and authorizes requests. There is one per process.
pub(crate) struct Authenticator {
    clock: Clock,
    callers: CallerCache,
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
        Self { clock, callers: CallerCache::new(), verifier, principals, sessions, limits }
    }

    /// Returns the cache of known callers.
    pub(crate) fn callers(&self) -> &CallerCache {
        &self.callers
    }

    /// Returns the service that resolves principals.
    pub(crate) fn principals(&self) -> &PrincipalService {
        &self.principals
    }

    /// Fast path: authorizes a cached caller, or refuses a cached refused one, synchronously and without allocating a future.
    pub(crate) fn try_cached(&self, access: Access, request: &ServiceRequest) -> CacheLookup {
        let Ok(Some(credential)) = bearer::credential(request.headers()) else { return CacheLookup::Undecided(None) };
        let presented = credential.as_presented();
        let (token, resolution) = match self.cached(access.need(), presented) {
            Some((token, Some(resolution))) => (token, resolution),
            Some((token, None)) => return CacheLookup::Undecided(Some(token)),
            None => return CacheLookup::Undecided(None),
        };
        CacheLookup::Decided(match resolution {
            Resolution { outcome: Err(why), rate, .. } => {
                Err(self.limits.refuse_cached(request.request(), presented, &rate, why.into()))
            }
            admitted => admitted.caller(access, token.claims).and_then(|known| self.authorize(access, known)),
        })
    }

    /// Authenticates and authorizes a request that is [not cached](Self::try_cached): by its bearer token or, if it has no `Authorization`
    /// field, by its session cookie. `token` is the cached token, whose principal is to be resolved.
    ///
    /// The budget of the address is checked before any expensive step. A request without a credential does not count against it.
    pub(crate) async fn authenticate(
        &self,
        access: Access,
        request: &ServiceRequest,
        token: Option<VerifiedToken>,
    ) -> Result<Caller, Error> {
        let known = match self.session_cookie(request) {
            // Boxed, so that the future of a token request stays small.
            Some((sessions, cookie)) => Box::pin(self.by_session(access, request, sessions, cookie)).await,
            None => self.by_token(access, request, token).await,
        };
        self.authorize(access, known?)
    }

    /// Returns the token if it is cached, and its resolution if that is cached for the token or for its identity.
    fn cached(&self, need: Need, presented: &[u8]) -> Option<(VerifiedToken, Option<Resolution>)> {
        let now = self.clock.microseconds();
        let (token, resolution) = self.callers.find(presented, now)?.into_parts(need, now);
        let resolution = resolution.or_else(|| {
            let resolution = self.cached_by_identity(&token.claims, need, now)?;
            if resolution.is_cacheable(&token.claims) {
                self.callers.insert(presented, &token, Some(&resolution));
            }
            Some(resolution)
        });
        Some((token, resolution))
    }

    /// Returns the resolution of a token that was not seen before, or not since its principal was read, if its identity is cached.
    fn cached_by_identity(&self, claims: &Claims, need: Need, now: i64) -> Option<Resolution> {
        let (principal, outcome) = match self.principals.cached(claims, need, now)? {
            Ok(principal) => (Some(principal), Ok(())),
            Err(RefusedPrincipal { principal, why }) => (principal, Err(why)),
        };
        let rate = principal.as_ref().map(|principal| self.limits.state_of(principal.id())).unwrap_or_default();
        Some(Resolution { principal, rate, outcome })
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
    ) -> Result<(Caller, RateState), Error> {
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
        let rate = self.limits.state_of(principal.id());
        Ok((Caller::new(access, claims, principal).with_session(session), rate))
    }

    /// Returns the caller of a bearer token that is not [cached](Self::cached). `token` is already verified, and only its principal is to be
    /// resolved.
    async fn by_token(
        &self,
        access: Access,
        request: &ServiceRequest,
        token: Option<VerifiedToken>,
    ) -> Result<(Caller, RateState), Error> {
        let credential = bearer::credential(request.headers())
            .map_err(|malformed| self.limits.refuse_unreadable(request.request(), malformed.into()))?
            .ok_or(Error::MissingToken)?;
        let presented = credential.as_presented();
        let attempt = self.limits.begin(request.request(), presented)?;
        let known = match token {
            Some(token) => self.resolve(access, presented, token).await,
            None => match credential.token() {
                Ok(unverified) => self.verify(access, unverified, self.limits.client_of(request.request())).await,
                Err(malformed) => Err(malformed.into()),
            },
        };
        attempt.settle(&known);
        known
    }

    /// Verifies a token, resolves its principal and caches both.
    async fn verify(
        &self,
        access: Access,
        unverified: &str,
        sender: Option<IpAddr>,
    ) -> Result<(Caller, RateState), Error> {
        let verified = self.verifier.prove(unverified, sender).instrument(tracing::debug_span!("verify"));
        let (token, presented) = (verified.await?, unverified.as_bytes());
        if token.validity.is_some() {
            self.callers.count_miss();
        }
        let resolution = self.cached_by_identity(&token.claims, access.need(), self.clock.microseconds());
        self.callers.insert(presented, &token, resolution.as_ref());
        match resolution {
            Some(resolution) => resolution.caller(access, token.claims),
            None => self.resolve(access, presented, token).await,
        }
    }

    /// Resolves the principal of a verified token in the database, and caches it with the token.
    async fn resolve(
        &self,
        access: Access,
        presented: &[u8],
        token: VerifiedToken,
    ) -> Result<(Caller, RateState), Error> {
        // Boxed, so that the future of a request whose principal is cached stays small.
        let resolved = Box::pin(self.principals.look_up(&token.claims)).instrument(tracing::debug_span!("resolve"));
        let principal = resolved.await?;
        let rate = self.limits.state_of(principal.id());
        let resolution = Resolution { principal: Some(principal), rate, outcome: Ok(()) };
        if resolution.is_cacheable(&token.claims) {
            self.callers.insert(presented, &token, Some(&resolution));
        }
        resolution.caller(access, token.claims)
    }

    /// Returns the caller of a token.
    #[cfg(feature = "dev")]
    pub(crate) async fn caller(&self, access: Access, unverified_token: &str) -> Result<Caller, Error> {
        let presented = unverified_token.as_bytes();
        let known = match self.cached(access.need(), presented) {
            Some((token, Some(resolution))) => resolution.caller(access, token.claims),
            Some((token, None)) => self.resolve(access, presented, token).await,
            None => self.verify(access, unverified_token, None).await,
        };
        known.map(|(caller, _)| caller)
    }

    /// Authorizes an authenticated caller. Fails if its request budget is exhausted or the access is not allowed.
    fn authorize(&self, access: Access, (caller, rate): (Caller, RateState)) -> Result<Caller, Error> {
        self.limits.take(&rate)?;
        require(access, &caller)?;
        Ok(caller)
    }
}

impl Resolution {
    /// Returns the caller and the used part of its budget. Fails if the principal is refused.
    fn caller(self, access: Access, claims: Arc<Claims>) -> Result<(Caller, RateState), Error> {
        self.outcome?;
        // Only an unknown identity has no principal, and that is refused.
        let principal = self.principal.ok_or(Failure::UnknownPrincipal)?;
        Ok((Caller::new(access, claims, principal), self.rate))
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
    /// The caller must be [authenticated](Authenticator::authenticate), without verification if the token is cached.
    Undecided(Option<VerifiedToken>),
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
