//! Authentication, authorization and routing: the guard that turns a request into a [`Caller`], and the routes behind it.

pub(crate) mod access;
mod bearer;
pub(crate) mod caller;
pub(crate) mod caller_cache;
pub(crate) mod challenge;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod guard;
pub(crate) mod resource;
pub(crate) mod session;

pub use access::{AUTHENTICATED, Access, PUBLIC};
pub use caller::Caller;

pub(crate) use guard::Authenticator;
