//! The state of a sign-in in progress, and the parameters of the authorization response.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use serde::{Deserialize, Serialize};

/// A sign-in in progress. It must be stored encrypted and bound to its browser: its holder can complete the sign-in.
#[derive(Serialize, Deserialize)]
pub struct PendingLogin {
    issuer: String,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
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
    pub(crate) fn new(issuer: String, state: CsrfToken, nonce: Nonce, verifier: PkceCodeVerifier) -> Self {
        Self { issuer, state, nonce, verifier }
    }

    /// Returns whether a response with this `state` belongs to this sign-in.
    pub fn is_answered_by(&self, state: Option<&str>) -> bool {
        let own = self.state.secret().as_bytes();
        state.is_some_and(|state| verify_slices_are_equal(state.as_bytes(), own).is_ok())
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    pub(crate) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.verifier.secret().clone())
    }
}

impl std::fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingLogin").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replicas of different builds read each other's sign-ins.
    #[test]
    fn stored_form_is_stable_across_builds() {
        let stored = r#"{"issuer":"https://id.example","state":"s","nonce":"n","verifier":"v"}"#;
        let pending: PendingLogin = serde_json::from_str(stored).unwrap();
        assert!(pending.is_answered_by(Some("s")) && !pending.is_answered_by(Some("S")));
        assert_eq!((pending.nonce().secret().as_str(), pending.verifier().secret().as_str()), ("n", "v"));
        assert_eq!(serde_json::to_string(&pending).unwrap(), stored);
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let pending = PendingLogin::new(
            "https://id.example".to_owned(),
            CsrfToken::new("marked".to_owned()),
            Nonce::new("marked".to_owned()),
            PkceCodeVerifier::new("marked".to_owned()),
        );
        let shown = format!("{pending:?}");
        assert!(shown.contains("https://id.example") && !shown.contains("marked"), "{shown}");
    }
}
