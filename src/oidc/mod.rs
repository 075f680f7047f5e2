//! Proving tokens: what an issuer publishes, its keys, the checks of a token and the meaning of its claims.
//!
//! [`TokenVerifier`] is the door: it alone makes [`Claims`]. Nothing here knows Actix, Diesel or the environment: settings come in
//! as [`IssuerSettings`], kept key sets through [`KeySetStore`], and a refusal is a [`Rejection`], which has no HTTP in it.
//!
//! A token comes in by `compact` (its form) and `header`; `audience`, `validity`, `token_kind` and `subject` check its claims;
//! `key_set` finds the key. What the claims mean is `trusted_issuer`'s to say: by `mapping`, and by each `rule` of the configuration;
//! a `preset` knows where well-known providers put what, and `gaps` counts what gave nothing; `report` has all that is counted. Keys come in by `refresher`, which asks a `provider` through
//! `fetch`; `key_document` and `jwk` decide which of them are admitted. `discovered` keeps what else an issuer's metadata says.

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
