//! The issuers whose users and service accounts can be registered here.

use std::collections::BTreeSet;

use super::Failure;
use crate::oidc::TrustedIssuers;

/// The issuers whose tokens are accepted. They can change while the service runs, so they are looked up and not copied.
pub trait KnownIssuers: Send + Sync {
    /// Whether tokens of this canonical issuer are currently accepted.
    fn know(&self, issuer: &str) -> bool;

    /// The roles with administrative permissions that tokens of this canonical issuer may carry.
    fn administrative_roles(&self, issuer: &str) -> BTreeSet<String>;
}

impl KnownIssuers for TrustedIssuers {
    fn know(&self, issuer: &str) -> bool {
        self.canonical_issuers().iter().any(|known| known == issuer)
    }

    fn administrative_roles(&self, issuer: &str) -> BTreeSet<String> {
        TrustedIssuers::administrative_roles(self, issuer)
    }
}

impl KnownIssuers for Vec<String> {
    fn know(&self, issuer: &str) -> bool {
        self.iter().any(|known| known == issuer)
    }

    fn administrative_roles(&self, _: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

/// Fails with [`Failure::Invalid`] for an issuer whose tokens are not accepted.
pub(super) fn require(issuers: &dyn KnownIssuers, issuer: &str) -> Result<(), Failure> {
    if issuers.know(issuer) {
        Ok(())
    } else {
        Err(Failure::Invalid { field: "issuer", reason: "must be a configured issuer" })
    }
}
