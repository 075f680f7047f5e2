//! From a request's path and method to its handler, with the guard before it.
//!
//! Actix tries one pattern after another, and a pattern with a parameter is a regular expression: for as many as there are here, that costs
//! more than all else that is done for a request. So a literal path is looked up, and a pattern is only tried where its literal beginning
//! and its number of segments fit. What then matches is Actix's to say, and handlers find its parameters as ever. (Actix itself knows no
//! routes then, so `HttpRequest::match_pattern` has nothing to tell.)

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{Extensions, ResourceDef, Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready};
use actix_web::http::Method;
use actix_web::{Error as ActixError, HttpMessage, Route as Handler, web};
use futures_util::future::{LocalBoxFuture, ready, try_join_all};
use futures_util::{FutureExt, TryFutureExt};
use quick_cache::DefaultHashBuilder;
use tracing::Instrument;

use super::access::{Access, Route};
use super::caller::Caller;
use super::guard::{Authenticator, CacheLookup};
use crate::error::Error;

/// Everything below this path belongs to the API.
const API_PREFIX: &str = "/api/";

/// The path as it was registered, for whoever tells of a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoutePattern(Rc<str>);

impl RoutePattern {
    /// What stands for a path that nobody registered: what a stranger asks for is no name for anything.
    pub(crate) const UNKNOWN: &str = "unknown";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// All routes, as one service that answers every request. Made once for each worker.
pub(crate) struct Router {
    resources: Vec<Resource<Handler>>,
    guard: web::Data<Authenticator>,
}

/// What is at one path. `H` is what handles a request: the registered handler, or the service that it became.
struct Resource<H> {
    path: String,
    /// Has the [`RoutePattern`] for whoever looks at the request later.
    data: Rc<Extensions>,
    methods: Vec<(Method, Access, H)>,
}

impl Router {
    /// Of `routes`. A literal path always wins over a pattern that would match it too, whatever the order.
    pub(super) fn new(mut routes: Vec<Route>, guard: web::Data<Authenticator>) -> Self {
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

/// [`Router`] at work.
pub(crate) struct Routing {
    resources: Vec<Resource<HandlerService>>,
    /// Registered by us, so nobody can fill it with names of one hash.
    literals: HashMap<String, usize, DefaultHashBuilder>,
    patterns: Vec<(Pattern, usize)>,
    guard: web::Data<Authenticator>,
}

/// What a request is to meet, once it is admitted.
enum Endpoint {
    Handler(HandlerService),
    Refusal(Error),
}

impl Endpoint {
    /// Answers a request that was admitted, or was not; without a caller where none is asked for.
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
            // Guarded like a route where the API lives, so that strangers learn nothing of it.
            let is_api = request.match_info().as_str().starts_with(API_PREFIX);
            let access = if is_api { Access::Authenticated } else { Access::Public };
            return (access, Endpoint::Refusal(Error::NotFound));
        };
        request.add_data_container(Rc::clone(&resource.data));
        resource.endpoint(request.method())
    }

    /// The resource at the request's path, whose parameters the request has from then on.
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
            CacheLookup::Undecided(claims) => {
                let guard = self.guard.clone();
                let answered = async move {
                    let admitted = guard.authenticate(access, &request, claims).await;
                    endpoint.answer(request, admitted.map(Some)).await
                };
                answered.boxed_local()
            }
        }
    }
}

impl Resource<HandlerService> {
    fn endpoint(&self, asked: &Method) -> (Access, Endpoint) {
        let mut methods = self.methods.iter();
        match methods
            .find(|(registered, ..)| registered == asked || (registered == Method::GET && asked == Method::HEAD))
        {
            Some((_, access, handler)) => (*access, Endpoint::Handler(Rc::clone(handler))),
            None => self.method_not_allowed(),
        }
    }

    /// Which methods a guarded path has is told to those who may ask for it at all.
    fn method_not_allowed(&self) -> (Access, Endpoint) {
        let is_public = self.methods.iter().any(|(_, access, _)| *access == Access::Public);
        let allowed = self.methods.iter().flat_map(|(method, ..)| answered_by(method)).collect();
        let access = if is_public { Access::Public } else { Access::Authenticated };
        (access, Endpoint::Refusal(Error::MethodNotAllowed(allowed)))
    }
}

/// The methods that a registration answers: that of GET answers HEAD too (RFC 9110 section 9.3.2).
fn answered_by(registered: &Method) -> impl Iterator<Item = Method> + use<> {
    let head = (registered == Method::GET).then_some(Method::HEAD);
    [registered.clone()].into_iter().chain(head)
}

/// A path with parameters.
struct Pattern {
    definition: ResourceDef,
    /// What comes before the first parameter.
    beginning: String,
    /// How many there are; `None` where a parameter may hold some itself.
    slashes: Option<usize>,
}

impl Pattern {
    /// `None` for a path that has no parameters.
    fn of(path: &str) -> Option<Self> {
        let (beginning, rest) = path.split_once('{')?;
        let slashes = (!is_tail(rest)).then(|| count_slashes(path));
        Some(Self { definition: ResourceDef::new(path), beginning: beginning.to_owned(), slashes })
    }

    /// `false` for most of the paths that it does not match.
    fn may_match(&self, path: &str, slashes: usize) -> bool {
        self.slashes.is_none_or(|own| own == slashes) && path.starts_with(&self.beginning)
    }
}

/// Whether a part of a pattern has a parameter that may hold slashes: one with an expression of its own, or Actix's `{tail}*`.
fn is_tail(part: &str) -> bool {
    part.contains(':') || part.ends_with('*')
}

fn count_slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// Sorts a path before every pattern that would match it too: segment by segment, literals first, then parameters, and patterns that may
/// hold slashes last.
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
    fn literal_paths_come_before_patterns_that_would_match_them() {
        let mut paths = ["/users/{all:.*}", "/users/{id}", "/users/{id}/roles", "/users/me", "/users"];
        paths.sort_by_cached_key(|path| specificity(path));
        assert_eq!(paths, ["/users", "/users/me", "/users/{id}", "/users/{id}/roles", "/users/{all:.*}"]);
    }

    #[test]
    fn a_pattern_is_tried_wherever_actix_would_find_that_it_matches() {
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
    fn get_answers_head_too() {
        assert!(answered_by(&Method::GET).eq([Method::GET, Method::HEAD]));
        assert!(answered_by(&Method::POST).eq([Method::POST]));
    }
}
