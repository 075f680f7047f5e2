//! Portcullis.

mod clock;
mod database;
mod models;
mod oidc;
mod schema;

pub use clock::Clock;
pub use models::permission::Permission;
