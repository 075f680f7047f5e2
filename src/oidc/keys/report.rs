//! Counters of verdicts and key states, for metrics and readiness.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::key_set::KeySetState;
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

/// The state of one issuer, with its counters since it was configured.
#[derive(Clone, Debug)]
pub struct IssuerReport {
    /// The operator's name for the issuer.
    pub short_name: String,
    /// The number of verdicts, by verdict: `accepted`, or a rejection's code.
    pub verdicts: Vec<(&'static str, u64)>,
    /// The number of signature checks, over all kinds of token.
    pub signature_checks: u64,
    /// The number of unusable claims in verified tokens, by reason: `absent`, `malformed` or `cut-off`.
    pub unusable_claims: [(&'static str, u64); 3],
    /// The state of its key set.
    pub keys: KeySetState,
}
