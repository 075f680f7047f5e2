//! The catalogue of routes: what was registered, checked once at the start.
//!
//! Enforcement, the OpenAPI document, the published scopes and `portcullis routes` all come from here, so they can't disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use actix_web::http::Method;
use actix_web::web::Bytes;
use utoipa::openapi::OpenApi;

use super::access::{Access, Api, Documentation, Route};
use super::openapi;
use crate::models::permission::{DeclaredPermissions, Permission, PermissionSet};
use crate::oidc::SignInEndpoints;

/// A route as the catalogue lists it.
pub(crate) struct RouteEntry {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(super) documentation: Documentation,
}

/// Every route of the running service.
pub(crate) struct Catalogue {
    entries: Vec<RouteEntry>,
    /// As the issuer spells them, with what each is for.
    scopes: Vec<(String, String)>,
    scope_prefix: String,
    /// Made when it is first asked for: it takes more memory and time than the rest of the start.
    openapi_json: OnceLock<Bytes>,
    /// The same for the page that signs people in, with where it does.
    with_sign_in: Mutex<Option<(SignInEndpoints, Bytes)>>,
}

/// What a registration got wrong; the service does not start with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationFault {
    /// Two permissions of one name.
    #[error("the permission `{0}` is declared twice")]
    PermissionTwice(&'static str),
    /// A route asks for a permission that no role could be given.
    #[error("{method} {path} asks for the permission `{permission}`, which nobody declared")]
    UndeclaredPermission {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
        /// The permission's name.
        permission: &'static str,
    },
    /// Two routes would answer the same requests.
    #[error("{method} {path} is registered twice")]
    RouteTwice {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// One path with its parameters called otherwise: requests would reach the routes of one spelling alone.
    #[error("{method} {path} is registered elsewhere with its parameters called otherwise")]
    ParametersRenamed {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// The path can't match any request.
    #[error("{method} {path}: a path starts with a slash")]
    RelativePath {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
    /// `#[utoipa::path]` names another method than the registration.
    #[error("{method} {path} is documented under another method")]
    DocumentedOtherwise {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
    },
}

/// All that is wrong with the routes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RegistrationError(Vec<RegistrationFault>);

impl RegistrationError {
    pub(crate) fn new(faults: Vec<RegistrationFault>) -> Self {
        Self(faults)
    }

    /// Each fault.
    pub fn faults(&self) -> &[RegistrationFault] {
        &self.0
    }
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the routes can't be served:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl Catalogue {
    /// Checks what was collected; `scope_prefix` is what the issuer puts before a permission's name. Fails with every fault.
    pub(crate) fn new(api: Api, declared: &DeclaredPermissions, scope_prefix: &str) -> Result<Self, RegistrationError> {
        let faults = faults(&api.routes, declared);
        if !faults.is_empty() {
            return Err(RegistrationError(faults));
        }
        let mut entries: Vec<RouteEntry> = api.routes.into_iter().map(RouteEntry::from).collect();
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

    /// The routes, by path and method.
    pub(crate) fn entries(&self) -> &[RouteEntry] {
        &self.entries
    }

    /// Every permission that some route asks for: the scopes worth asking a provider for.
    pub(crate) fn permissions(&self) -> PermissionSet {
        self.entries.iter().filter_map(|entry| required(entry.access)).collect()
    }

    /// The OpenAPI document, written out once.
    pub(crate) fn openapi_json(&self) -> Bytes {
        let written = || serde_json::to_vec(&self.openapi()).unwrap_or_default().into();
        self.openapi_json.get_or_init(written).clone()
    }

    /// The OpenAPI document for a page that signs people in at an issuer with these endpoints, written out once for them.
    pub(crate) fn openapi_with_sign_in(&self, endpoints: &SignInEndpoints) -> Bytes {
        let mut written = self.with_sign_in.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = written.as_ref().filter(|(known, _)| known == endpoints) {
            return document.clone();
        }
        let document = openapi::with_sign_in(&self.openapi(), endpoints, &self.scopes);
        let document = Bytes::from(document.to_string());
        *written = Some((endpoints.clone(), document.clone()));
        document
    }

    /// The scopes of all permissions, as the issuer spells them.
    pub(crate) fn scope_names(&self) -> Vec<String> {
        self.scopes.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The OpenAPI document.
    pub(crate) fn openapi(&self) -> OpenApi {
        openapi::document(&self.entries, &self.scopes, &self.scope_prefix)
    }
}

impl From<Route> for RouteEntry {
    fn from(route: Route) -> Self {
        let Route { method, path, access, operation } = route;
        Self { method, path, access, documentation: operation.documentation }
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
    routes.iter().flat_map(|route| route_faults(route, declared, &mut seen)).collect()
}

/// What was registered before the route at hand.
#[derive(Default)]
struct RegisteredPaths {
    routes: BTreeSet<(String, String)>,
    /// How the path of each shape is spelt.
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

/// The path with its parameters unnamed: two paths of one shape match the same requests.
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
    fn a_permission_that_nobody_declared_stops_the_start() {
        const NOTES_READ: Permission = Permission::new("notes:read", "Read notes.");
        let faults = faults_of(|api| {
            api.get("/notes", NOTES_READ, op!(show)).get("/users", USERS_READ, op!(show));
        });
        let path = "/notes".to_owned();
        let expected = RegistrationFault::UndeclaredPermission { method: Method::GET, path, permission: "notes:read" };
        assert_eq!(faults, [expected]);
    }

    #[test]
    fn a_route_registered_twice_stops_the_start_whatever_its_parameters_are_called() {
        let faults = faults_of(|api| {
            api.get("/users/{id}", PUBLIC, op!(show)).get("/users/{user}", USERS_READ, op!(show));
        });
        assert_eq!(faults, [RegistrationFault::RouteTwice { method: Method::GET, path: "/users/{user}".to_owned() }]);
    }

    #[test]
    fn a_path_spelt_in_two_ways_stops_the_start() {
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
    fn a_method_other_than_the_documented_one_stops_the_start() {
        let faults = faults_of(|api| {
            api.post("/users", PUBLIC, op!(show));
        });
        let path = "/users".to_owned();
        assert_eq!(faults, [RegistrationFault::DocumentedOtherwise { method: Method::POST, path }]);
    }

    #[test]
    fn a_path_without_its_first_slash_stops_the_start() {
        let faults = faults_of(|api| {
            api.get("users", PUBLIC, op!(show));
        });
        assert_eq!(faults, [RegistrationFault::RelativePath { method: Method::GET, path: "users".to_owned() }]);
    }
}
