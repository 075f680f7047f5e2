//! What is sent out with a browser, and what it brings back.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use oauth2::PkceCodeVerifier;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::endpoint::Secrets;

/// A sign-in that is under way. Whoever has it can finish it, so it is kept where its browser alone brings it back from, encrypted.
#[derive(Serialize, Deserialize)]
pub struct PendingLogin {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
}

/// What the provider's answer says (RFC 6749 section 4.1.2). Nothing of it is proved.
#[derive(Default)]
pub struct LoginAnswer {
    /// `state`.
    pub state: Option<String>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
}

impl PendingLogin {
    pub(super) fn new(issuer: &str, secrets: Secrets) -> Self {
        let Secrets { state, nonce, verifier } = secrets;
        Self { issuer: issuer.to_owned(), state, nonce, verifier: verifier.expose_secret().to_owned() }
    }

    /// Whether an answer with this `state` is one to this sign-in.
    pub fn is_answered_by(&self, state: Option<&str>) -> bool {
        state.is_some_and(|state| verify_slices_are_equal(state.as_bytes(), self.state.as_bytes()).is_ok())
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.verifier.clone())
    }
}

impl std::fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingLogin").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The code's verifier as it is kept in memory.
pub(super) fn secret(verifier: &PkceCodeVerifier) -> SecretString {
    SecretString::from(verifier.secret().as_str())
}
