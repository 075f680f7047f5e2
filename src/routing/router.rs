//! The router: maps path and method of a request to the guarded handler.
//!
//! Actix matches patterns one after another, and a pattern with a parameter is a regular expression. With this number of routes, matching
//! would cost more than the rest of a request. Therefore the [`PathTable`] finds the path. Actix itself has no routes, so
//! `HttpRequest::match_pattern` returns `None`.

use std::collections::BTreeMap;
use std::rc::Rc;

use actix_web::dev::{Extensions, Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready};
use actix_web::http::Method;
use actix_web::{Error as ActixError, HttpMessage, Route as Handler, web};
use futures_util::future::{LocalBoxFuture, ready, try_join_all};
use futures_util::{FutureExt, TryFutureExt};
use tracing::Instrument;

use super::path_table::PathTable;
use super::registration::Route;
use crate::auth::access::Access;
use crate::auth::caller::Caller;
use crate::auth::guard::{Authenticator, CacheLookup};
use crate::error::Error;

/// The path prefix of the API.
const API_PREFIX: &str = "/api/";

/// The registered path of a request, for logs, metrics and traces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoutePattern(Rc<str>);

impl RoutePattern {
    /// The pattern of an unregistered path. The path itself is client input and never used as a label.
    pub(crate) const UNKNOWN: &str = "unknown";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The factory of the service that routes all requests. Each worker creates one.
pub(crate) struct Router {
    resources: Vec<Resource<Handler>>,
    guard: web::Data<Authenticator>,
}

/// The routes of one path. `H` is the registered handler, or the service created from it.
struct Resource<H> {
    path: String,
    /// Contains the [`RoutePattern`], which is attached to each request.
    data: Rc<Extensions>,
    methods: Vec<(Method, Access, H)>,
}

impl Router {
    /// Creates the router of `routes`. A literal path takes precedence over a pattern that also matches it, in any order of `routes`.
    pub(crate) fn new(routes: Vec<Route>, guard: web::Data<Authenticator>) -> Self {
        let mut by_path: BTreeMap<String, Vec<(Method, Access, Handler)>> = BTreeMap::new();
        for Route { method, path, access, operation } in routes {
            by_path.entry(path).or_default().push((method, access, operation.into_handler()));
        }
        let resources = by_path.into_iter().map(|(path, methods)| Resource { data: data_of(&path), path, methods });
        Self { resources: resources.collect(), guard }
    }
}

fn data_of(path: &str) -> Rc<Extensions> {
    let mut data = Extensions::new();
    data.insert(RoutePattern(path.into()));
    Rc::new(data)
}

impl ServiceFactory<ServiceRequest> for Router {
    type Response = ServiceResponse;
    type Error = ActixError;
    type Config = ();
    type Service = Routing;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Routing, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let resources = self.resources.iter().map(|Resource { path, data, methods }| {
            let (path, data) = (path.clone(), Rc::clone(data));
            let methods = methods.iter().map(|(method, access, handler)| {
                let (method, access) = (method.clone(), *access);
                handler.new_service(()).map_ok(move |handler| (method, access, Rc::new(handler)))
            });
            try_join_all(methods).map_ok(|methods| Resource { path, data, methods })
        });
        let guard = self.guard.clone();
        let routing = try_join_all(resources).map(|resources| Routing::new(resources?, guard));
        routing.boxed_local()
    }
}

type HandlerService = Rc<<Handler as ServiceFactory<ServiceRequest>>::Service>;

/// The service that routes requests, created by [`Router`].
pub(crate) struct Routing {
    resources: Vec<Resource<HandlerService>>,
    /// The position in `resources` of each path.
    paths: PathTable,
    guard: web::Data<Authenticator>,
}

/// The target of an authorized request.
enum Endpoint {
    Handler(HandlerService),
    Refusal(Error),
}

impl Endpoint {
    /// Responds to an authorized or refused request. The caller is `None` on a public route.
    fn answer(
        self,
        request: ServiceRequest,
        admitted: Result<Option<Caller>, Error>,
    ) -> LocalBoxFuture<'static, Result<ServiceResponse, ActixError>> {
        let (handler, caller) = match (self, admitted) {
            (Self::Handler(handler), Ok(caller)) => (handler, caller),
            (Self::Refusal(refusal), Ok(_)) | (_, Err(refusal)) => {
                return ready(Ok(request.error_response(refusal))).boxed_local();
            }
        };
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        let (span, answer) = (tracing::debug_span!("handler"), handler.call(request));
        if span.is_disabled() { answer } else { answer.instrument(span).boxed_local() }
    }
}

impl Routing {
    /// Fails if two paths match the same requests, which the catalogue reports before the service starts.
    fn new(resources: Vec<Resource<HandlerService>>, guard: web::Data<Authenticator>) -> Result<Self, ()> {
        let paths = PathTable::new(resources.iter().map(|resource| resource.path.as_str())).map_err(|_| ())?;
        Ok(Self { resources, paths, guard })
    }

    fn endpoint(&self, request: &mut ServiceRequest) -> (Access, Endpoint) {
        let Some(resource) = self.paths.find(request).and_then(|index| self.resources.get(index)) else {
            // Below the API prefix an unknown path requires authentication, so that unauthenticated clients cannot enumerate routes.
            let is_api = request.match_info().as_str().starts_with(API_PREFIX);
            let access = if is_api { Access::Authenticated } else { Access::Public };
            return (access, Endpoint::Refusal(Error::NotFound));
        };
        request.add_data_container(Rc::clone(&resource.data));
        resource.endpoint(request.method())
    }
}

impl Service<ServiceRequest> for Routing {
    type Response = ServiceResponse;
    type Error = ActixError;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, ActixError>>;

    always_ready!();

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (access, endpoint) = self.endpoint(&mut request);
        if access == Access::Public {
            return endpoint.answer(request, Ok(None));
        }
        match self.guard.try_cached(access, &request) {
            CacheLookup::Decided(admitted) => endpoint.answer(request, admitted.map(Some)),
            CacheLookup::Undecided(token) => {
                let guard = self.guard.clone();
                let response = async move {
                    let admitted = guard.authenticate(access, &request, token).await;
                    endpoint.answer(request, admitted.map(Some)).await
                };
                response.boxed_local()
            }
        }
    }
}

impl Resource<HandlerService> {
    fn endpoint(&self, method: &Method) -> (Access, Endpoint) {
        let mut methods = self.methods.iter();
        match methods
            .find(|(registered, ..)| registered == method || (registered == Method::GET && method == Method::HEAD))
        {
            Some((_, access, handler)) => (*access, Endpoint::Handler(Rc::clone(handler))),
            None => self.method_not_allowed(),
        }
    }

    /// Returns the refusal of an unregistered method. On a guarded path it requires authentication, because it lists the methods.
    fn method_not_allowed(&self) -> (Access, Endpoint) {
        let is_public = self.methods.iter().any(|(_, access, _)| *access == Access::Public);
        let allowed = self.methods.iter().flat_map(|(method, ..)| answered_by(method)).collect();
        let access = if is_public { Access::Public } else { Access::Authenticated };
        (access, Endpoint::Refusal(Error::MethodNotAllowed(allowed)))
    }
}

/// Returns the methods that a registration handles: GET includes HEAD (RFC 9110 section 9.3.2).
fn answered_by(registered: &Method) -> impl Iterator<Item = Method> + use<> {
    let head = (registered == Method::GET).then_some(Method::HEAD);
    [registered.clone()].into_iter().chain(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_includes_head() {
        assert!(answered_by(&Method::GET).eq([Method::GET, Method::HEAD]));
        assert!(answered_by(&Method::POST).eq([Method::POST]));
    }
}
