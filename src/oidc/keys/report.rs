//! The state of an issuer and its counters, for metrics and readiness.

use super::key_set_state::KeySetState;

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
