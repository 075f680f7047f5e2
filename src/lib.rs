//! Portcullis.

mod clock;
mod models;
mod oidc;

pub use clock::Clock;
pub use models::permission::Permission;
