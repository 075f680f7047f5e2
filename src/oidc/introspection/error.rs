//! The reasons why an introspection failed.

use std::sync::Arc;
use std::time::Duration;

use super::answer::BadAnswer;
use super::places::MAX_IN_FLIGHT;
use crate::oidc::keys::discovery::ProviderError;
use crate::oidc::keys::fetch::FetchError;

/// The reason why introspection failed. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntrospectionError {
    #[error(transparent)]
    Provider(#[from] Arc<ProviderError>),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Answer(#[from] BadAnswer),
    #[error("no permit within the time limit (at most {MAX_IN_FLIGHT} requests are in flight)")]
    Busy,
    #[error("the issuer did not respond within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("the client's private key failed to sign the assertion")]
    Signing,
}
