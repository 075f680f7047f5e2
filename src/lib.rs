//! Portcullis.

mod clock;
#[cfg(feature = "dev")]
pub mod dev;
mod models;
mod oidc;

pub use clock::Clock;
pub use models::permission::Permission;
