//! Counters of the verdicts on the tokens of one issuer, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::oidc::Rejection;

/// The verdict on a valid token.
const ACCEPTED: &str = "accepted";

/// The number of verdicts on tokens of one issuer, by verdict.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    accepted: AtomicU64,
    signature_checks: AtomicU64,
    /// Behind a lock, which a cached token never takes.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Verdicts {
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, rejection: &Rejection) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(rejection.code()).or_default() += 1;
    }

    /// Counts a signature check, the most expensive step of a verdict.
    pub(crate) fn check_signature(&self) {
        self.signature_checks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn signature_checks(&self) -> u64 {
        self.signature_checks.load(Ordering::Relaxed)
    }

    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = (ACCEPTED, self.accepted.load(Ordering::Relaxed));
        std::iter::once(accepted).chain(refused.iter().map(|(code, count)| (*code, *count))).collect()
    }
}
