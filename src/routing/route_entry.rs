//! A route as the catalogue and the OpenAPI document describe it.

use actix_web::http::Method;

use super::registration::{Documentation, Route};
use crate::auth::access::Access;

/// A route in the catalogue.
pub(crate) struct RouteEntry {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(crate) documentation: Documentation,
}

impl From<Route> for RouteEntry {
    fn from(route: Route) -> Self {
        let Route { method, path, access, operation } = route;
        Self { method, path, access, documentation: operation.documentation }
    }
}
