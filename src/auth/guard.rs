//! The guard in front of a handler: authenticate, then require, then let through.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error as ActixError, HttpMessage, Route, web};
use tracing::Instrument;

use super::access::Access;
use super::bearer;
use super::caller::{Caller, Decision};
use crate::error::Error;
use crate::oidc::TokenVerifier;
use crate::services::{Need, PrincipalService};

/// Proves credentials: what the guard needs, one per process.
pub(crate) struct Authenticator {
    verifier: TokenVerifier,
    principals: PrincipalService,
}

impl Authenticator {
    pub(crate) fn new(verifier: TokenVerifier, principals: PrincipalService) -> Self {
        Self { verifier, principals }
    }

    /// What proves tokens.
    pub(crate) fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// Who finds the principals behind them.
    pub(crate) fn principals(&self) -> &PrincipalService {
        &self.principals
    }

    /// The caller behind a request's bearer token, or why there is none.
    async fn authenticate(&self, access: Access, request: &ServiceRequest) -> Result<Caller, Error> {
        let unverified_token = bearer::credential(request.headers())?.ok_or(Error::MissingToken)?;
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
    let caller = authenticator.authenticate(access, request).await?;
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
