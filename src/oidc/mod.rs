//! Proving tokens: discovery, key sets, the verifier and the mapping of claims. Knows neither Actix nor Diesel.

mod algorithm;
mod claim_path;
mod claims;
mod fetch;
mod key_set;
mod rejection;
mod settings;
mod store;
mod verifier;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claim_path::ClaimPath;
pub use claims::{Claims, Profile, SubjectKind};
pub use fetch::ProviderClient;
pub use key_set::{KeySet, KeySetCondition, KeySetState};
pub use rejection::Rejection;
pub use settings::{IssuerSettings, PlainHttp, ScopeMode};
pub use store::{KeySetStore, StoreError, StoredKeySet};
pub use verifier::TokenVerifier;
