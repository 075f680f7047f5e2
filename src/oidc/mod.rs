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

mod algorithm;
mod audience;
mod base64url;
mod check;
mod claim_mapping;
mod claim_path;
mod claims;
mod compact;
mod discovered;
mod extra_authorities;
mod fetch;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod header;
mod introspection;
mod issuer_status;
mod jwk;
mod key_document;
mod key_set;
mod login;
mod mapping;
mod opaque;
mod plain_http;
mod preset;
mod provider;
mod refresher;
mod rejection;
mod relaxed_checks;
mod report;
mod rule;
mod settings;
mod sign_in;
mod store;
mod strict_json;
mod subject;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod token_cache;
mod token_kind;
mod trusted_issuer;
mod trusted_issuers;
mod unusable_claims;
mod validity;
mod verifier;

pub use algorithm::Algorithm;
pub use check::Check;
pub use claim_mapping::{ClaimMapping, MachineMatcher, Separator};
pub use claim_path::ClaimPath;
pub use claims::{Claims, Profile, SubjectKind};
pub use extra_authorities::ExtraAuthorities;
pub use fetch::ProviderClient;
pub(crate) use introspection::Introspector;
pub use introspection::{AssertionKey, ClientCredential, IntrospectionClient, IntrospectionSettings};
pub use key_document::has_usable_key;
pub use key_set::{KeySet, KeySetCondition};
pub use login::{
    LoginAnswer, LoginClient, LoginError, LoginSettings, LogoutNotice, PendingLogin, Refreshed, SessionClaims, SignedIn,
};
pub use plain_http::PlainHttp;
pub use preset::Preset;
pub use rejection::Rejection;
pub use report::IssuerReport;
pub use rule::{Requirement, RoleRule, Rule};
pub use settings::{IssuerSettings, JitMode, ScopeMode, TENANT_PLACE};
pub use sign_in::{SignInEndpoints, SignInPlace};
pub use store::{FetchLease, KeySetStore, LeaseEnd, LeaseRequest, StoreError, StoredKeySet};
pub use trusted_issuers::TrustedIssuers;
pub use verifier::TokenVerifier;
