//! Authentication, authorization and routing: the guard that turns a request into a [`Caller`], and the routes behind it.

pub(crate) mod access;
mod bearer;
mod caller;
pub(crate) mod catalogue;
pub(crate) mod challenge;
mod client_address;
mod edit_budget;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod guard;
pub(crate) mod openapi;
mod rate_limit;
pub(crate) mod resource;
mod router;
pub(crate) mod session;

pub use access::{AUTHENTICATED, Access, Api, Operation, PUBLIC};
pub use caller::Caller;
pub use catalogue::{RegistrationError, RegistrationFault};

pub(crate) use client_address::TrustedProxies;
pub(crate) use edit_budget::EditBudget;
pub(crate) use guard::Authenticator;
pub(crate) use rate_limit::RateLimits;
pub(crate) use router::RoutePattern;
