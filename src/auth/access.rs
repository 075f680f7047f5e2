//! The rule at the door: every route is registered together with the access that it asks for.
//!
//! [`Api`] is the only way to mount a route. It collects, and mounts one resource per path afterwards, so that a method nobody
//! registered is answered 405 with `Allow`, and so that a literal path always wins over a pattern, whatever the order of registration.
//! The guard sits on the handler itself, never on a path pattern, so no spelling of a path leads around it.

use std::rc::Rc;

use actix_web::dev::Handler;
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Resource, Responder};
use utoipa::openapi::path::{HttpMethod, Operation as Document};
use utoipa::openapi::{RefOr, Schema};

use super::guard::guarded;
use crate::error::Error;
use crate::models::permission::Permission;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: no credential is even looked at.
    Public,
    /// A proved token and an active principal.
    Authenticated,
    /// Besides, a permission that the token delegates and the principal's roles grant.
    Requires(Permission),
}

/// [`Access::Public`], for registering.
pub const PUBLIC: Access = Access::Public;
/// [`Access::Authenticated`], for registering.
pub const AUTHENTICATED: Access = Access::Authenticated;

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Requires(permission)
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Requires(permission) => f.write_str(permission.name()),
        }
    }
}

/// A handler with its documentation; made by [`op!`](crate::op).
pub struct Operation {
    route: actix_web::Route,
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) document: fn() -> OperationDocument,
}

/// What `utoipa` knows of a handler.
pub(super) struct OperationDocument {
    pub(super) methods: Vec<HttpMethod>,
    pub(super) operation: Document,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Operation {
    /// The expansion of [`op!`](crate::op), which finds `D` by the handler's name.
    #[doc(hidden)]
    pub fn new<D, F, Args>(module: &'static str, name: &'static str, handler: F) -> Self
    where
        D: utoipa::Path + utoipa::__dev::SchemaReferences,
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self { route: web::to(handler), module, name, document: document::<D> }
    }
}

fn document<D: utoipa::Path + utoipa::__dev::SchemaReferences>() -> OperationDocument {
    let mut schemas = Vec::new();
    D::schemas(&mut schemas);
    OperationDocument { methods: D::methods(), operation: D::operation(), schemas }
}

/// Pairs a handler with the documentation that `#[utoipa::path]` put beside it.
///
/// The attribute wants a method and a path: write the method that the route is registered with (the start fails where they differ)
/// and `path = ""`, since path and security come from the registration.
#[macro_export]
macro_rules! op {
    (@split [$($module:ident)*] $handler:ident) => {
        $crate::__private::paste! {
            $crate::Operation::new::<$($module::)* [<__path_ $handler>], _, _>(
                concat!(module_path!(), $("::", stringify!($module)),*),
                stringify!($handler),
                $($module::)* $handler,
            )
        }
    };
    (@split [$($module:ident)*] $next:ident :: $($rest:tt)+) => { $crate::op!(@split [$($module)* $next] $($rest)+) };
    ($($path:tt)+) => { $crate::op!(@split [] $($path)+) };
}

/// One registered route.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) operation: Operation,
}

/// Collects routes. Handed to the functions that register them; paths are whole, from the first slash.
///
/// ```
/// use portcullis::{Api, Error, PUBLIC, op, utoipa};
///
/// /// Says hello.
/// #[utoipa::path(get, path = "", responses((status = 200, body = String)))]
/// async fn hello() -> Result<&'static str, Error> {
///     Ok("hello")
/// }
///
/// fn register(api: &mut Api) {
///     api.get("/hello", PUBLIC, op!(hello));
/// }
/// # register(&mut Api::default());
/// ```
///
/// Actix's own registration is out of reach, so a route without a declared access can't be written:
///
/// ```compile_fail
/// fn register(api: &mut portcullis::Api) {
///     api.service(portcullis::actix_web::web::resource("/open"));
/// }
/// ```
///
/// Nor can one be registered without naming its access:
///
/// ```compile_fail
/// # use portcullis::{Api, op, utoipa};
/// # #[utoipa::path(get, path = "")]
/// # async fn hello() -> &'static str { "hello" }
/// fn register(api: &mut Api) {
///     api.get("/hello", op!(hello));
/// }
/// ```
#[derive(Default)]
pub struct Api {
    pub(super) routes: Vec<Route>,
}

impl Api {
    /// A route for GET, which answers HEAD too (RFC 9110 section 9.3.2).
    pub fn get(&mut self, path: &str, access: impl Into<Access>, operation: Operation) -> &mut Self {
        self.route(Method::GET, path, access.into(), operation)
    }

    /// A route for POST.
    pub fn post(&mut self, path: &str, access: impl Into<Access>, operation: Operation) -> &mut Self {
        self.route(Method::POST, path, access.into(), operation)
    }

    /// A route for PUT.
    pub fn put(&mut self, path: &str, access: impl Into<Access>, operation: Operation) -> &mut Self {
        self.route(Method::PUT, path, access.into(), operation)
    }

    /// A route for PATCH.
    pub fn patch(&mut self, path: &str, access: impl Into<Access>, operation: Operation) -> &mut Self {
        self.route(Method::PATCH, path, access.into(), operation)
    }

    /// A route for DELETE.
    pub fn delete(&mut self, path: &str, access: impl Into<Access>, operation: Operation) -> &mut Self {
        self.route(Method::DELETE, path, access.into(), operation)
    }

    fn route(&mut self, method: Method, path: &str, access: Access, operation: Operation) -> &mut Self {
        self.routes.push(Route { method, path: path.to_owned(), access, operation });
        self
    }

    /// Mounts what was collected: literal paths before patterns, one resource per path.
    pub(crate) fn mount(mut self, services: &mut ServiceConfig) {
        self.routes.sort_by_cached_key(|route| specificity(&route.path));
        let mut routes = self.routes.into_iter().peekable();
        while let Some(first) = routes.next() {
            let mut group = vec![first];
            while let Some(next) = routes.next_if(|next| group.first().is_some_and(|first| first.path == next.path)) {
                group.push(next);
            }
            services.service(resource(group));
        }
    }
}

/// The path as it was registered, for whoever tells of a request: kept with the resource, as Actix would look it up anew each time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RoutePattern(Rc<str>);

impl RoutePattern {
    /// What stands for a path that nobody registered: what a stranger asks for is no name for anything.
    pub(crate) const UNKNOWN: &str = "unknown";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The routes of one path, and 405 for every other method.
fn resource(routes: Vec<Route>) -> Resource {
    let path = routes.first().map(|route| route.path.clone()).unwrap_or_default();
    let allowed: Vec<Method> = routes.iter().flat_map(|route| methods(&route.method)).collect();
    // Which methods a guarded path has is told to those who may ask for it at all.
    let is_public = routes.iter().any(|route| route.access == Access::Public);
    let refusal = web::to(move || {
        let refusal = Error::MethodNotAllowed(allowed.clone());
        async move { Err::<actix_web::HttpResponse, _>(refusal) }
    });
    let refusal_access = if is_public { Access::Public } else { Access::Authenticated };
    routes
        .into_iter()
        .fold(web::resource(&*path).app_data(RoutePattern(path.as_str().into())), |resource, route| {
            let handler = route.operation.route.guard(of_method(&route.method));
            resource.route(guarded(handler, route.access))
        })
        .default_service(guarded(refusal, refusal_access))
}

/// The methods that a registration answers.
fn methods(registered: &Method) -> Vec<Method> {
    if registered == Method::GET { vec![Method::GET, Method::HEAD] } else { vec![registered.clone()] }
}

fn of_method(registered: &Method) -> impl Guard + use<> {
    methods(registered)
        .into_iter()
        .fold(guard::Any(guard::fn_guard(|_| false)), |any, method| any.or(guard::Method(method)))
}

/// Sorts a path before every pattern that would match it too: segment by segment, literals first, then parameters, and patterns that may
/// hold slashes last.
fn specificity(path: &str) -> Vec<(u8, String)> {
    let rank = |segment: &str| match (segment.contains('{'), segment.contains(':')) {
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
    fn get_answers_head_too() {
        assert_eq!(methods(&Method::GET), [Method::GET, Method::HEAD]);
        assert_eq!(methods(&Method::POST), [Method::POST]);
    }
}
