//! Why a sign-in, a refresh or a logout failed.

use crate::oidc::Rejection;
use crate::oidc::keys::discovery::ProviderError;

/// The reason why a sign-in, a refresh or a logout failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No issuer is configured for browser sign-in.
    #[error("browser sign-in is not enabled: no issuer has a `client_id`")]
    Off,
    /// The provider is unreachable, or its response is malformed.
    #[error("the identity provider is unavailable: {0}")]
    Unavailable(String),
    /// The response does not belong to this browser's sign-in: another state, or another issuer.
    #[error("the response does not belong to this browser's sign-in")]
    NotOurs,
    /// The provider rejected the code or the refresh token (`invalid_grant`).
    #[error("the identity provider rejected the grant")]
    Refused,
    /// The provider returned another error than `invalid_grant`: the operator must correct the client's settings.
    #[error("the identity provider rejected this client: {0}")]
    Misconfigured(String),
    /// A token of the provider is rejected.
    #[error("a token of the identity provider is rejected: {0}")]
    Token(#[from] Rejection),
}

impl LoginError {
    pub(super) fn unavailable(error: &ProviderError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
