//! The development issuer: a small, honest OpenID provider, for `portcullis dev` and for tests.
//!
//! It signs people in (code with PKCE, a page to pick who to be), gives programs tokens for client credentials, refreshes, rotates its
//! keys and signs people out, all with real signatures and by the specifications, so that what works against it works against others.
//! A test also gets tokens straight from [`Issuer::token`], and can make the published documents slow, broken or false through
//! [`Issuer::discovery`] and [`Issuer::jwks`].
//!
//! It has no passwords and its one secret is public, which is fine for what it is: it listens on loopback only (any other address is
//! refused), answers only requests that name a loopback host, and its keys are made at start and die with the process. Whoever can reach
//! it could as well read the memory of the service that trusts it.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis::dev::{Issuer, IssuerOptions};
//!
//! let issuer = Issuer::start(IssuerOptions::new("my-api")).await?;
//! let good = issuer.token().subject("bob").scope("notes:read").sign();
//! let expired = issuer.token().expires_in(-60).sign();
//! # drop((good, expired));
//! # Ok(())
//! # }
//! ```

mod directory;
mod endpoint;
mod grants;
mod http;
mod id_token;
mod issuer;
mod key_ring;
mod metadata;
mod provider;
mod signing_key;
mod token_builder;

pub use directory::{MACHINE_CLIENT, MACHINE_SECRET, SESSION_CLIENT, SESSION_SECRET, SPA_CLIENT};
pub use endpoint::Endpoint;
pub use issuer::{Issuer, IssuerOptions, StartError};
pub use signing_key::{Algorithm, SigningKey};
pub use token_builder::TokenBuilder;
