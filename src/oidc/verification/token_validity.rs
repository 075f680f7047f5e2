//! How long the verdict on a verified token may be reused.

use std::sync::Arc;

use super::validity::Window;
use crate::oidc::Claims;

/// A verified token: its claims and, if the verdict may be cached, its validity.
#[derive(Clone)]
pub(crate) struct VerifiedToken {
    /// The claims of the token.
    pub(crate) claims: Arc<Claims>,
    /// `None` for an introspected token, whose response has a cache of its own, and for a token whose key set changed meanwhile.
    pub(crate) validity: Option<TokenValidity>,
}

/// The conditions under which the verdict on a token stays valid, in addition to the status of its issuer, which the claims refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenValidity {
    window: Window,
    /// The edition of the issuer's keys.
    keys: u32,
}

impl TokenValidity {
    /// The validity of a token with this time window that was verified by a key of the edition `keys`.
    pub(crate) fn new(window: Window, keys: u32) -> Self {
        Self { window, keys }
    }

    /// Whether the token with these `claims` is still valid at `now`, in microseconds since 1970: the issuer is trusted with the same
    /// settings, its keys are of the same edition and not too old, and the time window of the token is not over. Costs a few loads.
    pub(crate) fn is_valid(&self, claims: &Claims, now: i64) -> bool {
        self.window.contains(now) && claims.policy.status.still_trusts_key(self.keys, now)
    }
}
