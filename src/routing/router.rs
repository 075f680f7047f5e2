//! The router: maps path and method of a request to the guarded handler.
//!
//! Actix matches patterns one after another, and a pattern with a parameter is a regular expression. With this number of routes, matching
//! would cost more than the rest of a request. Therefore a literal path is looked up in a map, and a pattern is tried only if its literal
//! prefix and its number of segments fit. Actix's `ResourceDef` decides the match and extracts the parameters, so extractors work as usual.
//! Actix itself has no routes, so `HttpRequest::match_pattern` returns `None`.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{Extensions, ResourceDef, Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready};
use actix_web::http::Method;
use actix_web::{Error as ActixError, HttpMessage, Route as Handler, web};
use futures_util::future::{LocalBoxFuture, ready, try_join_all};
use futures_util::{FutureExt, TryFutureExt};
use quick_cache::DefaultHashBuilder;
use tracing::Instrument;

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
    pub(crate) fn new(mut routes: Vec<Route>, guard: web::Data<Authenticator>) -> Self {
        routes.sort_by_cached_key(|route| specificity(&route.path));
        let mut resources: Vec<Resource<Handler>> = Vec::new();
        for Route { method, path, access, operation } in routes {
            let method = (method, access, operation.into_handler());
            match resources.last_mut().filter(|resource| resource.path == path) {
                Some(resource) => resource.methods.push(method),
                None => resources.push(Resource { data: data_of(&path), path, methods: vec![method] }),
            }
        }
        Self { resources, guard }
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
        try_join_all(resources).map_ok(|resources| Routing::new(resources, guard)).boxed_local()
    }
}

type HandlerService = Rc<<Handler as ServiceFactory<ServiceRequest>>::Service>;

/// The service that routes requests, created by [`Router`].
pub(crate) struct Routing {
    resources: Vec<Resource<HandlerService>>,
    /// Keys come from registration, not from clients, so a hash that resists collisions is not needed.
    literals: HashMap<String, usize, DefaultHashBuilder>,
    patterns: Vec<(Pattern, usize)>,
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
    fn new(resources: Vec<Resource<HandlerService>>, guard: web::Data<Authenticator>) -> Self {
        let (mut literals, mut patterns) = (HashMap::default(), Vec::new());
        for (place, Resource { path, .. }) in resources.iter().enumerate() {
            match Pattern::of(path) {
                None => {
                    literals.insert(path.clone(), place);
                }
                Some(pattern) => patterns.push((pattern, place)),
            }
        }
        Self { resources, literals, patterns, guard }
    }

    fn endpoint(&self, request: &mut ServiceRequest) -> (Access, Endpoint) {
        let Some(resource) = self.find(request) else {
            // Below the API prefix an unknown path requires authentication, so that unauthenticated clients cannot enumerate routes.
            let is_api = request.match_info().as_str().starts_with(API_PREFIX);
            let access = if is_api { Access::Authenticated } else { Access::Public };
            return (access, Endpoint::Refusal(Error::NotFound));
        };
        request.add_data_container(Rc::clone(&resource.data));
        resource.endpoint(request.method())
    }

    /// Returns the resource of the request's path, and stores the path parameters in the request.
    fn find(&self, request: &mut ServiceRequest) -> Option<&Resource<HandlerService>> {
        let path = request.match_info().as_str();
        let place = match self.literals.get(path) {
            Some(place) => place,
            None => {
                let slashes = count_slashes(path);
                let mut patterns = self.patterns.iter();
                let found = patterns.find(|(pattern, _)| {
                    pattern.may_match(request.match_info().as_str(), slashes)
                        && pattern.definition.capture_match_info(request)
                });
                &found?.1
            }
        };
        self.resources.get(*place)
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

/// A path with parameters.
struct Pattern {
    definition: ResourceDef,
    /// The literal text before the first parameter.
    prefix: String,
    /// The number of slashes; `None` if a parameter can contain slashes.
    slashes: Option<usize>,
}

impl Pattern {
    /// Returns `None` for a path without parameters.
    fn of(path: &str) -> Option<Self> {
        let (prefix, rest) = path.split_once('{')?;
        let slashes = (!is_tail(rest)).then(|| count_slashes(path));
        Some(Self { definition: ResourceDef::new(path), prefix: prefix.to_owned(), slashes })
    }

    /// Returns `false` for most paths that the pattern does not match, and `true` for all that it matches.
    fn may_match(&self, path: &str, slashes: usize) -> bool {
        self.slashes.is_none_or(|expected| expected == slashes) && path.starts_with(&self.prefix)
    }
}

/// Whether a part of a pattern has a parameter that can contain slashes: one with a regular expression, or Actix's `{tail}*`.
fn is_tail(part: &str) -> bool {
    part.contains(':') || part.ends_with('*')
}

fn count_slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// Returns a key that sorts a path before every pattern that also matches it. It compares by segment: literals first, then parameters,
/// then parameters that can contain slashes.
fn specificity(path: &str) -> Vec<(u8, String)> {
    let rank = |segment: &str| match (segment.contains('{'), is_tail(segment)) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    };
    path.split('/').map(|segment| (rank(segment), segment.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_paths_sort_before_patterns_that_match_them() {
        let mut paths = ["/users/{all:.*}", "/users/{id}", "/users/{id}/roles", "/users/me", "/users"];
        paths.sort_by_cached_key(|path| specificity(path));
        assert_eq!(paths, ["/users", "/users/me", "/users/{id}", "/users/{id}/roles", "/users/{all:.*}"]);
    }

    #[test]
    fn pattern_is_tried_for_every_path_that_actix_matches() {
        for (pattern, path, expected) in [
            ("/users/{id}", "/users/a.b-c", true),
            ("/users/{id}", "/users/a/b", false),
            ("/users/{id}", "/user/a", false),
            ("/users/{id}/roles/{role}", "/users/a/roles/b", true),
            ("/docs/{file:.*}", "/docs/", true),
            ("/docs/{file:.*}", "/docs/a/b", true),
            ("/docs/{file}*", "/docs/a/b", true),
        ] {
            let tried = Pattern::of(pattern).unwrap();
            assert_eq!(tried.may_match(path, count_slashes(path)), expected, "{pattern} {path}");
            assert!(expected || !tried.definition.is_match(path), "{pattern} {path}");
        }
        assert!(Pattern::of("/users").is_none());
    }

    #[test]
    fn get_registration_handles_head() {
        assert!(answered_by(&Method::GET).eq([Method::GET, Method::HEAD]));
        assert!(answered_by(&Method::POST).eq([Method::POST]));
    }
}
