//! From a request to a caller, and from a registered route to its guard.

pub(crate) mod access;
mod bearer;
mod caller;
pub(crate) mod catalogue;
pub(crate) mod challenge;
mod client_address;
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

pub(crate) use caller::{Decision, is_delegated};
pub(crate) use client_address::TrustedProxies;
pub(crate) use guard::Authenticator;
pub(crate) use rate_limit::RateLimits;
pub(crate) use router::RoutePattern;
