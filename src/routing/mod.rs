//! From registered routes to the router, the route catalogue and the OpenAPI document.

pub(crate) mod catalogue;
pub(crate) mod openapi;
mod path_table;
pub(crate) mod registration;
mod route_entry;
pub(crate) mod router;

pub use catalogue::{RegistrationError, RegistrationFault};
pub use registration::{Api, Operation};
pub(crate) use router::RoutePattern;
