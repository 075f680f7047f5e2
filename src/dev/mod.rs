//! The development issuer: a small, conforming OpenID provider, for `portcullis dev` and for tests.
//!
//! It supports sign-in (code with PKCE, and a page to choose a user), client credentials, refresh tokens, key rotation and sign-out, with
//! real signatures and by the specifications, so that a client that works with it works with other providers. Tests get tokens directly
//! from [`Issuer::token`], and can make the published documents slow, broken or wrong through [`Issuer::discovery`] and
//! [`Issuer::jwks`].
//!
//! It has no passwords, and its client secrets are public. That is acceptable because it listens on loopback only (any other address is
//! refused), responds only to requests that name a loopback host, and its keys exist only in the memory of the process. A process that can
//! reach it could also read the memory of the service that trusts it.
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
