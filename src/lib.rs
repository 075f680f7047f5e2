//! Portcullis.

mod clock;
mod database;
mod models;
mod oidc;
mod repositories;
mod schema;
mod services;

pub use clock::Clock;
pub use models::permission::Permission;
