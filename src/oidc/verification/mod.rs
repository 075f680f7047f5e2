//! The verification of a token: the trusted issuers, the checks in their order and how long a verdict is valid.

pub(crate) mod audience;
pub(crate) mod check;
pub(crate) mod relaxed_checks;
pub(crate) mod token_kind;
pub(crate) mod token_validity;
pub(crate) mod trusted_issuer;
pub(crate) mod trusted_issuers;
pub(crate) mod validity;
pub(crate) mod verifier;
