//! Portcullis is the backend API that a team starts from when its people and programs sign in at an external identity provider.
//!
//! It issues no tokens and keeps no passwords: it is an OAuth 2.0 resource server with a directory of its own. A request passes
//!
//! ```text
//! request → middleware → extractors → handler → service → repository → database
//! ```
//!
//! The middleware traces the request, checks its size and, in front of each handler, stands the guard: it reads the one bearer token,
//! has it proved against the issuer's keys (signature, type, issuer, audience, times), finds the *principal* that the issuer's subject is
//! linked to, and asks the rule at the centre: the token's scopes must delegate the route's permission **and** the principal's roles must
//! grant it. Only then does the handler run; it unwraps its input, calls one service, which is one transaction, and wraps the output.
//! Whatever fails on the way is answered as a problem (RFC 9457) by one place.
//!
//! To serve it as it is, run the `portcullis` command. To build on it, add routes of your own to an [`Application`]: each is registered
//! together with its access, and there is no other way to mount one.
//!
//! ```
//! use portcullis::{Api, Application, Caller, Error, Permission, op, utoipa};
//!
//! const NOTES_READ: Permission = Permission::new("notes:read", "Read one's own notes.");
//!
//! /// How many notes the caller has.
//! #[utoipa::path(get, path = "", responses((status = 200, body = String)))]
//! async fn count(caller: Caller) -> Result<String, Error> {
//!     Ok(format!("{} has none", caller.principal_id()))
//! }
//!
//! fn register(api: &mut Api) {
//!     api.get("/api/v1/notes/count", NOTES_READ, op!(count));
//! }
//!
//! let application = Application::new().permissions([NOTES_READ]).routes(register);
//! # let _ = application;
//! ```
//!
//! `examples/notes.rs` is a whole service of that kind, with a table of its own.

#![deny(missing_docs)]

mod api_types;
mod app;
mod auth;
mod cli;
mod clock;
mod config;
mod database;
#[cfg(feature = "dev")]
pub mod dev;
mod error;
mod error_chain;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hit_counter;
mod interner;
mod models;
mod name;
mod oidc;
mod redacted;
mod repositories;
mod request_id;
mod routes;
mod schema;
mod scope;
mod services;
mod sync;
mod telemetry;

/// For `benches/`.
#[cfg(feature = "dev")]
#[doc(hidden)]
pub use app::Steps;
pub use app::{Application, ExternalChanges, IssuerReload, RunningService, StartError};
pub use auth::{AUTHENTICATED, Access, Api, Caller, Operation, PUBLIC, RegistrationError, RegistrationFault};
pub use clock::Clock;
pub use config::{Config, ConfigError, Fault};
pub use database::{Database, DatabaseError, DbConnection};
pub use error::Error;
pub use models::PrincipalId;
pub use models::permission::Permission;
pub use telemetry::{LogGuard, init_telemetry};

/// The versions of the crates that appear in this crate's public items.
pub use {actix_web, diesel, diesel_migrations, utoipa};

/// What the macros expand to.
#[doc(hidden)]
pub mod __private {
    pub use pastey::paste;
}
