//! Portcullis is a backend API template for services whose users and service accounts authenticate at an external identity provider.
//!
//! It is an OAuth 2.0 resource server with a local directory of principals. It issues no tokens and stores no passwords. A request passes
//!
//! ```text
//! request → middleware → extractors → handler → service → repository → database
//! ```
//!
//! The middleware traces the request and limits its size. The guard runs before each handler: it reads the bearer token, verifies it with
//! the issuer's keys (signature, type, issuer, audience, times), finds the *principal* linked to the issuer's subject, and applies the
//! central rule: the token's scopes must delegate the route's permission **and** the principal's roles must grant it. Then the handler
//! runs: it unwraps its input, calls one service (one transaction) and wraps the output. One module turns every failure into a problem
//! response (RFC 9457).
//!
//! To run the service unchanged, use the `portcullis` command. To extend it, add routes to an [`Application`]. A route can only be
//! registered together with its access.
//!
//! ```
//! use portcullis::{Api, Application, Caller, Error, Permission, op, utoipa};
//!
//! const NOTES_READ: Permission = Permission::new("notes:read", "Read your own notes.");
//!
//! /// The number of the caller's notes.
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
//! `examples/notes.rs` is a complete service of this kind, with its own table.

#![deny(missing_docs)]

mod api_types;
mod app;
mod auth;
mod cache;
mod cli;
mod clock;
mod config;
mod database;
#[cfg(feature = "dev")]
pub mod dev;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod jose;
mod limits;
mod metrics;
mod middleware;
mod models;
mod oidc;
mod redacted;
mod repositories;
mod request_id;
mod routes;
mod routing;
mod schema;
mod services;
mod sync;
mod telemetry;
mod text;

/// For `benches/`.
#[cfg(feature = "dev")]
#[doc(hidden)]
pub use app::Steps;
pub use app::{Application, ExternalChanges, IssuerReload, RunningService, StartError, init_telemetry};
pub use auth::{AUTHENTICATED, Access, Caller, PUBLIC};
pub use clock::Clock;
pub use config::{Config, ConfigError, Fault};
pub use database::{Database, DatabaseError, DbConnection};
pub use error::Error;
pub use models::PrincipalId;
pub use models::permission::Permission;
pub use routing::{Api, Operation, RegistrationError, RegistrationFault};
pub use telemetry::LogGuard;

/// The crates whose types appear in the public API, in the versions that this crate uses.
pub use {actix_web, diesel, diesel_migrations, utoipa};

/// Items that the expanded macros refer to.
#[doc(hidden)]
pub mod __private {
    pub use pastey::paste;
}
