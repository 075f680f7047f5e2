//! What has come of tokens and keys, for metrics: counts that are kept here and read from outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Rejection;
use super::key_set::KeySetState;

/// The verdict on a token that passed.
const ACCEPTED: &str = "accepted";

/// How often tokens that name one issuer were examined, by verdict.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    accepted: AtomicU64,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

impl Verdicts {
    pub(super) fn count<T>(&self, verdict: &Result<T, Rejection>) {
        match verdict {
            Ok(_) => drop(self.accepted.fetch_add(1, Ordering::Relaxed)),
            Err(rejection) => {
                let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
                *rejected.entry(rejection.code()).or_default() += 1;
            }
        }
    }

    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = (ACCEPTED, self.accepted.load(Ordering::Relaxed));
        std::iter::once(accepted).chain(rejected.iter().map(|(code, count)| (*code, *count))).collect()
    }
}

/// How things stand with one issuer, and what has come of its tokens since it was configured.
#[derive(Clone, Debug)]
pub struct IssuerReport {
    /// What operators call it; `unknown` for tokens that name nobody who is trusted.
    pub short_name: String,
    /// Tokens that were examined, by verdict.
    pub verdicts: Vec<(&'static str, u64)>,
    /// Claims that gave nothing, by reason.
    pub gaps: Vec<(&'static str, u64)>,
    /// Its keys; `None` for `unknown`.
    pub keys: Option<KeySetState>,
}

/// How the memory of what issuers said of tokens stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryReading {
    /// How often an answer was remembered.
    pub hits: u64,
    /// How often an issuer had to be asked.
    pub misses: u64,
    /// How many answers are remembered.
    pub entries: u64,
}
