//! Token verification: issuer metadata, key sets, the checks of a token and the mapping of its claims.
//!
//! [`TokenVerifier`] is the entry point and the only constructor of [`Claims`]. This module does not depend on Actix, Diesel or the
//! environment: settings are passed in as [`IssuerSettings`], key sets are stored through [`KeySetStore`], and a refusal is a
//! [`Rejection`] without any HTTP.
//!
//! - Verification: `compact` and `header` parse a token; `audience`, `validity`, `token_kind` and `subject` check its claims; `key_set`
//!   selects the key.
//! - Mapping: `trusted_issuer` interprets the claims with `mapping` and the configured rules (`rule`); a `preset` holds the claim paths of
//!   a well-known provider; `unusable_claims` counts the claims that yield no value.
//! - Keys: `refresher` fetches them from a `provider` through `fetch`; `key_document` and `jwk` decide which are accepted; `discovered`
//!   caches the rest of the issuer's metadata.
//! - `report` collects the counters.

mod claims;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod introspection;
pub(crate) mod keys;
mod mapping;
mod rejection;
pub(crate) mod relying_party;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
pub(crate) mod verification;

pub use claims::{Claims, Profile, SubjectKind};
pub(crate) use introspection::Introspector;
pub use introspection::{AssertionKey, ClientCredential, IntrospectionClient, IntrospectionSettings};
pub use keys::extra_authorities::ExtraAuthorities;
pub use keys::fetch::ProviderClient;
pub use keys::key_document::has_usable_key;
pub use keys::key_set::KeySet;
pub use keys::key_set_state::KeySetCondition;
pub use keys::plain_http::PlainHttp;
pub use keys::report::IssuerReport;
pub use keys::store::{FetchLease, KeySetStore, LeaseEnd, LeaseRequest, StoreError, StoredKeySet};
pub use mapping::claim_mapping::{ClaimMapping, MachineMatcher, Separator};
pub use mapping::claim_path::ClaimPath;
pub use mapping::preset::Preset;
pub use mapping::rule::{Requirement, RoleRule, Rule};
pub use rejection::Rejection;
pub use relying_party::docs_login::{SignInEndpoints, SignInPlace};
pub use relying_party::{
    LoginAnswer, LoginClient, LoginError, LoginSettings, LogoutNotice, PendingLogin, Refreshed, RelyingParties,
    SessionClaims, SignedIn,
};
pub use settings::{IssuerSettings, JitMode, ScopeMode, TENANT_PLACE};
pub use verification::check::Check;
pub(crate) use verification::token_validity::{TokenValidity, VerifiedToken};
pub use verification::trusted_issuers::TrustedIssuers;
pub use verification::verifier::TokenVerifier;
