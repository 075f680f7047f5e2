//! JSON Object Signing and Encryption: compact tokens, headers, algorithms, JSON Web Keys and JSON without repeated members.
//!
//! Knows nothing of OpenID Connect: no issuer, no claims, no provider.

pub(crate) mod algorithm;
pub(crate) mod base64url;
pub(crate) mod compact;
pub(crate) mod fault;
pub(crate) mod header;
pub(crate) mod jwk;
pub(crate) mod unique_json;

pub use algorithm::Algorithm;
