//! The catalogue of registered routes, validated once at startup.
//!
//! The OpenAPI document, the published scopes and `portcullis routes` are derived from the same registration as enforcement, so they cannot
//! differ from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use actix_web::http::Method;
use actix_web::web::Bytes;
use utoipa::openapi::OpenApi;

use super::openapi;
use super::path_table::PathTable;
use super::registration::{Api, Route};
use super::route_entry::RouteEntry;
use crate::auth::access::Access;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet};
use crate::oidc::SignInEndpoints;

/// All routes of the service.
pub(crate) struct Catalogue {
    entries: Vec<RouteEntry>,
    /// The scopes in the spelling of the issuer, with their summaries.
    scopes: Vec<(String, String)>,
    scope_prefix: String,
    /// Created on first use, because it takes more memory and time than the rest of the startup.
    openapi_json: OnceLock<Bytes>,
    /// The document for a page with sign-in, cached with the endpoints that it contains.
    with_sign_in: Mutex<Option<(SignInEndpoints, Bytes)>>,
}

/// A fault in the registration of a route or permission. The service does not start with one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationFault {
    /// Two permissions have the same name.
    #[error("the permission `{0}` is declared twice")]
    PermissionTwice(&'static str),
    /// A route requires a permission that is not declared, so no role can grant it.
    #[error("{method} {path} requires the permission `{permission}`, which is not declared")]
    UndeclaredPermission {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
        /// The permission's name.
        permission: &'static str,
    },
    /// Two routes match the same requests.
    #[error("{method} {path} is registered twice")]
    RouteTwice {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// The same path is registered with different parameter names. Requests would reach the routes of only one of them.
    #[error("{method} {path} is also registered with different parameter names")]
    ParametersRenamed {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// The path cannot match any request.
    #[error("{method} {path}: the path must start with a slash")]
    RelativePath {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// `#[utoipa::path]` names a different method than the registration.
    #[error("{method} {path} is documented with a different method in `#[utoipa::path]`")]
    DocumentedOtherwise {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// The router does not support the path, or cannot distinguish it from another one.
    #[error("{path} cannot be routed: {reason}")]
    UnroutablePath {
        /// The path.
        path: String,
        /// The reason of the router.
        reason: String,
    },
}

/// All faults of the registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RegistrationError(Vec<RegistrationFault>);

impl RegistrationError {
    pub(crate) fn new(faults: Vec<RegistrationFault>) -> Self {
        Self(faults)
    }

    /// Returns the faults.
    pub fn faults(&self) -> &[RegistrationFault] {
        &self.0
    }
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the routes cannot be served:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl Catalogue {
    /// Validates the collected routes. `scope_prefix` is the issuer's prefix of a permission's name. Fails with all faults.
    pub(crate) fn new(api: Api, declared: &DeclaredPermissions, scope_prefix: &str) -> Result<Self, RegistrationError> {
        let faults = faults(api.routes(), declared);
        if !faults.is_empty() {
            return Err(RegistrationError(faults));
        }
        let mut entries: Vec<RouteEntry> = api.into_routes().into_iter().map(RouteEntry::from).collect();
        entries.sort_by(|a, b| (&a.path, a.method.as_str()).cmp(&(&b.path, b.method.as_str())));
        let scopes = openapi::scopes(declared, scope_prefix);
        Ok(Self {
            entries,
            scopes,
            scope_prefix: scope_prefix.to_owned(),
            openapi_json: OnceLock::new(),
            with_sign_in: Mutex::default(),
        })
    }

    /// Returns the routes, sorted by path and method.
    pub(crate) fn entries(&self) -> &[RouteEntry] {
        &self.entries
    }

    /// Returns the permissions that routes require.
    pub(crate) fn permissions(&self) -> PermissionSet {
        self.entries.iter().filter_map(|entry| required(entry.access)).collect()
    }

    /// Returns the OpenAPI document as JSON, serialized once.
    pub(crate) fn openapi_json(&self) -> Bytes {
        let serialize = || serde_json::to_vec(&self.openapi()).unwrap_or_default().into();
        self.openapi_json.get_or_init(serialize).clone()
    }

    /// Returns the OpenAPI document as JSON for a page with sign-in at these endpoints, serialized once for them.
    pub(crate) fn openapi_with_sign_in(&self, endpoints: &SignInEndpoints) -> Bytes {
        let mut cached = self.with_sign_in.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = cached.as_ref().filter(|(known, _)| known == endpoints) {
            return document.clone();
        }
        let document = openapi::with_sign_in(&self.openapi(), endpoints, &self.scopes);
        let document = Bytes::from(document.to_string());
        *cached = Some((endpoints.clone(), document.clone()));
        document
    }

    /// Returns the scopes of all permissions, in the spelling of the issuer.
    pub(crate) fn scope_names(&self) -> Vec<String> {
        self.scopes.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Returns the OpenAPI document.
    pub(crate) fn openapi(&self) -> OpenApi {
        openapi::document(&self.entries, &self.scopes, &self.scope_prefix)
    }
}

fn required(access: Access) -> Option<Permission> {
    match access {
        Access::Requires(permission) => Some(permission),
        Access::Public | Access::Authenticated => None,
    }
}

fn faults(routes: &[Route], declared: &DeclaredPermissions) -> Vec<RegistrationFault> {
    let mut seen = RegisteredPaths::default();
    let faults: Vec<_> = routes.iter().flat_map(|route| route_faults(route, declared, &mut seen)).collect();
    // A fault above is the more exact report of the same conflict.
    if faults.is_empty() { unroutable_path(routes).into_iter().collect() } else { faults }
}

fn unroutable_path(routes: &[Route]) -> Option<RegistrationFault> {
    let paths: BTreeSet<&str> = routes.iter().map(|route| route.path.as_str()).collect();
    let (index, reason) = PathTable::new(paths.iter().copied()).err()?;
    let path = paths.into_iter().nth(index)?.to_owned();
    Some(RegistrationFault::UnroutablePath { path, reason })
}

/// The routes that precede the checked one.
#[derive(Default)]
struct RegisteredPaths {
    routes: BTreeSet<(String, String)>,
    /// The first path of each shape.
    spellings: BTreeMap<String, String>,
}

fn route_faults(route: &Route, declared: &DeclaredPermissions, seen: &mut RegisteredPaths) -> Vec<RegistrationFault> {
    let (method, path) = (route.method.clone(), route.path.clone());
    let mut faults = Vec::new();
    if let Some(permission) = required(route.access).filter(|permission| declared.find(permission.name()).is_none()) {
        let permission = permission.name();
        faults.push(RegistrationFault::UndeclaredPermission { method: method.clone(), path: path.clone(), permission });
    }
    if !seen.routes.insert((method.to_string(), shape(&path))) {
        faults.push(RegistrationFault::RouteTwice { method: method.clone(), path: path.clone() });
    } else if *seen.spellings.entry(shape(&path)).or_insert_with(|| path.clone()) != path {
        faults.push(RegistrationFault::ParametersRenamed { method: method.clone(), path: path.clone() });
    }
    if !path.starts_with('/') {
        faults.push(RegistrationFault::RelativePath { method: method.clone(), path: path.clone() });
    }
    if !openapi::is_documented_as(route.operation.documentation, &method) {
        faults.push(RegistrationFault::DocumentedOtherwise { method, path });
    }
    faults
}

/// Returns the path without parameter names. Two paths of the same shape match the same requests.
fn shape(path: &str) -> String {
    let unnamed = |segment: &'_ str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(unnamed).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::access::PUBLIC;
    use crate::models::permission::USERS_READ;
    use crate::op;

    #[utoipa::path(get, path = "", responses((status = 200)))]
    async fn show() -> &'static str {
        ""
    }

    fn faults_of(register: impl Fn(&mut Api)) -> Vec<RegistrationFault> {
        let mut api = Api::default();
        register(&mut api);
        match Catalogue::new(api, &DeclaredPermissions::new([]).unwrap(), "") {
            Ok(_) => Vec::new(),
            Err(RegistrationError(faults)) => faults,
        }
    }

    #[test]
    fn undeclared_permission_stops_startup() {
        const NOTES_READ: Permission = Permission::new("notes:read", "Read notes.");
        let faults = faults_of(|api| {
            api.get("/notes", NOTES_READ, op!(show)).get("/users", USERS_READ, op!(show));
        });
        let path = "/notes".to_owned();
        let expected = RegistrationFault::UndeclaredPermission { method: Method::GET, path, permission: "notes:read" };
        assert_eq!(faults, [expected]);
    }

    #[test]
    fn route_registered_twice_stops_startup_for_any_parameter_names() {
        let faults = faults_of(|api| {
            api.get("/users/{id}", PUBLIC, op!(show)).get("/users/{user}", USERS_READ, op!(show));
        });
        assert_eq!(faults, [RegistrationFault::RouteTwice { method: Method::GET, path: "/users/{user}".to_owned() }]);
    }

    #[test]
    fn path_with_different_parameter_names_stops_startup() {
        #[utoipa::path(patch, path = "", responses((status = 200)))]
        async fn change() -> &'static str {
            ""
        }
        let faults = faults_of(|api| {
            api.get("/users/{id}", PUBLIC, op!(show)).patch("/users/{user}", PUBLIC, op!(change));
        });
        let path = "/users/{user}".to_owned();
        assert_eq!(faults, [RegistrationFault::ParametersRenamed { method: Method::PATCH, path }]);
    }

    #[test]
    fn method_other_than_the_documented_one_stops_startup() {
        let faults = faults_of(|api| {
            api.post("/users", PUBLIC, op!(show));
        });
        let path = "/users".to_owned();
        assert_eq!(faults, [RegistrationFault::DocumentedOtherwise { method: Method::POST, path }]);
    }

    #[test]
    fn path_without_leading_slash_stops_startup() {
        let faults = faults_of(|api| {
            api.get("users", PUBLIC, op!(show));
        });
        assert_eq!(faults, [RegistrationFault::RelativePath { method: Method::GET, path: "users".to_owned() }]);
    }
}
