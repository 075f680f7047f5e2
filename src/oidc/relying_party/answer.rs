//! The state of a sign-in in progress, and the parameters of the authorization response.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use oauth2::PkceCodeVerifier;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::endpoint::Secrets;

/// A sign-in in progress. It must be stored encrypted and bound to its browser: its holder can complete the sign-in.
#[derive(Serialize, Deserialize)]
pub struct PendingLogin {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
}

/// The parameters of the authorization response (RFC 6749 section 4.1.2), not verified.
#[derive(Default)]
pub struct LoginAnswer {
    /// `state`.
    pub state: Option<String>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
}

impl PendingLogin {
    pub(crate) fn new(issuer: &str, secrets: Secrets) -> Self {
        let Secrets { state, nonce, verifier } = secrets;
        Self { issuer: issuer.to_owned(), state, nonce, verifier: verifier.expose_secret().to_owned() }
    }

    /// Returns whether a response with this `state` belongs to this sign-in.
    pub fn is_answered_by(&self, state: Option<&str>) -> bool {
        state.is_some_and(|state| verify_slices_are_equal(state.as_bytes(), self.state.as_bytes()).is_ok())
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(crate) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.verifier.clone())
    }
}

impl std::fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingLogin").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
