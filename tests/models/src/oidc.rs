//! Includes `src/oidc/keys/issuer_status.rs`.

/// Stands in for the counters, which the models do not use.
mod report {
    #[derive(Debug, Default)]
    pub(crate) struct Verdicts;
}

#[path = "../../../src/oidc/keys/issuer_status.rs"]
#[allow(dead_code)]
mod issuer_status;

use crate::sync::Arc;
use chrono::{DateTime, Utc};

/// The interface of the module in the service.
#[derive(Clone)]
pub(crate) struct Issuer {
    keys: Arc<issuer_status::KeyEdition>,
    status: Arc<issuer_status::IssuerStatus>,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let keys = Arc::new(issuer_status::KeyEdition::default());
        Self { status: Arc::new(issuer_status::IssuerStatus::new(Arc::clone(&keys))), keys }
    }

    pub(crate) fn publish(&self, edition: u64, closes_at: DateTime<Utc>) {
        self.keys.publish(edition, closes_at);
    }

    pub(crate) fn edition(&self, now: i64) -> Option<u32> {
        self.keys.edition(now)
    }

    pub(crate) fn dismiss(&self) {
        self.status.dismiss();
    }

    pub(crate) fn still_trusts_key(&self, edition: u32, now: i64) -> bool {
        self.status.still_trusts_key(edition, now)
    }
}
