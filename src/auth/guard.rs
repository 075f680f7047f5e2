//! The guard in front of a handler: authenticate, then require, then let through.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error as ActixError, HttpMessage, Route, web};
use tracing::Instrument;

use super::access::Access;
use super::bearer;
use super::caller::{Caller, Decision};
use super::rate_limit::RateLimits;
use super::session::{BrowserSessions, Jar};
use crate::error::Error;
use crate::oidc::TokenVerifier;
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
        self.caller(access, bearer::credential(request.headers())?.ok_or(Error::MissingToken)?).await
    }

    /// The caller that a token speaks for, or why there is none.
    pub(crate) async fn caller(&self, access: Access, unverified_token: &str) -> Result<Caller, Error> {
        let claims = self.verifier.verify(unverified_token).instrument(tracing::debug_span!("verify")).await?;
        let principal =
            self.principals.resolve_for(&claims, access.need()).instrument(tracing::debug_span!("resolve")).await?;
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

/// The route with its guard in front; a public one stays as it is, and no credential is looked at.
pub(super) fn guarded(route: Route, access: Access) -> Route {
    match access {
        Access::Public => route,
        Access::Authenticated | Access::Requires(_) => {
            route.wrap(from_fn(move |request, next| guard(access, request, next)))
        }
    }
}

async fn guard<B: MessageBody + 'static>(
    access: Access,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    match admit(access, &request).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let handled = next.call(request).instrument(tracing::debug_span!("handler")).await;
            handled.map(ServiceResponse::map_into_boxed_body)
        }
        Err(refusal) => Ok(request.error_response(refusal)),
    }
}

async fn admit(access: Access, request: &ServiceRequest) -> Result<Caller, Error> {
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

/// The answer to a path that nobody registered: guarded like a route where the API lives, so that strangers learn nothing of it.
pub(crate) fn unknown_path() -> Route {
    web::to(async || Err::<actix_web::HttpResponse, _>(Error::NotFound)).wrap(from_fn(guard_api))
}

/// Everything below this path belongs to the API.
const API_PREFIX: &str = "/api/";

async fn guard_api<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let access = if request.path().starts_with(API_PREFIX) { Access::Authenticated } else { Access::Public };
    match access {
        Access::Public => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        access => guard(access, request, next).await.map(ServiceResponse::map_into_boxed_body),
    }
}
