//! What has come of tokens and keys, for whoever watches: counts that are kept here and read from outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Rejection;
use super::key_set::KeySetState;

/// The verdict on a token that passed.
const ACCEPTED: &str = "accepted";

/// How often tokens of one issuer were judged, by verdict.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    accepted: AtomicU64,
    signature_checks: AtomicU64,
    /// Behind a lock, which those with a known token never meet.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Verdicts {
    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, rejection: &Rejection) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(rejection.code()).or_default() += 1;
    }

    /// Counts a signature that is about to be checked, the dearest step of a verdict.
    pub(super) fn check_signature(&self) {
        self.signature_checks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn signature_checks(&self) -> u64 {
        self.signature_checks.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = (ACCEPTED, self.accepted.load(Ordering::Relaxed));
        std::iter::once(accepted).chain(refused.iter().map(|(code, count)| (*code, *count))).collect()
    }
}

/// How things stand with one issuer, and what has come of its tokens since it was configured.
#[derive(Clone, Debug)]
pub struct IssuerReport {
    /// What operators call it.
    pub short_name: String,
    /// How often its tokens were judged, by verdict: `accepted`, or a rejection's code.
    pub verdicts: Vec<(&'static str, u64)>,
    /// How often the signature of one of its tokens was checked, of whatever kind of token.
    pub signature_checks: u64,
    /// How often claims of its proved tokens gave nothing, by reason: `absent`, `malformed` or `cut-off`.
    pub unusable_claims: [(&'static str, u64); 3],
    /// How its keys stand.
    pub keys: KeySetState,
}
