//! The rule at the door: every route is registered together with the access that it asks for.
//!
//! [`Api`] is the only way to mount a route. It collects, and the [router](super::router) takes them afterwards, one resource per path, so
//! that a method nobody registered is answered 405 with `Allow`, and so that a literal path always wins over a pattern, whatever the order
//! of registration. The guard stands before the handler itself, never before a path pattern, so no spelling of a path leads around it.

use actix_web::dev::Handler;
use actix_web::http::Method;
use actix_web::{FromRequest, Responder, web};
use utoipa::openapi::path::{HttpMethod, Operation as Document};
use utoipa::openapi::{RefOr, Schema};

use super::guard::Authenticator;
use super::router::Router;
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

impl Access {
    /// The permission that it asks for, if it asks for one.
    pub(crate) const fn permission(self) -> Option<Permission> {
        match self {
            Self::Public | Self::Authenticated => None,
            Self::Requires(permission) => Some(permission),
        }
    }
}

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
    pub(super) documentation: Documentation,
}

/// Where a handler's documentation is found.
#[derive(Clone, Copy)]
pub(super) struct Documentation {
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
        Self { route: web::to(handler), documentation: Documentation { module, name, document: document::<D> } }
    }

    /// The handler, without its documentation.
    pub(super) fn into_handler(self) -> actix_web::Route {
        self.route
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

    /// What was collected, ready to answer requests that `guard` admits.
    pub(crate) fn into_router(self, guard: web::Data<Authenticator>) -> Router {
        Router::new(self.routes, guard)
    }
}
