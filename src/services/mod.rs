//! Use cases, each in one transaction, in the terms of the domain.
//!
//! Services decide what rows mean and who may change them. They know neither HTTP nor status codes. A change and its audit event are
//! committed together.

mod access;
mod account_type;
mod accounts;
mod actor;
mod audit;
mod decision;
mod deletion;
mod encryption;
mod failure;
mod first_contact;
mod held_role;
mod idempotency;
mod issuers;
mod known_issuers;
mod me;
mod page;
mod principal_cache;
mod principal_edit;
mod principals;
mod provider_profile;
mod purge;
mod readiness;
mod refusal;
mod resolved_principal;
mod rights;
mod role_edit;
mod roles;
mod seats;
mod service_accounts;
mod sessions;
mod tally;
mod text;
mod tombstones;
mod user_creation;
mod user_export;
mod user_identities;
mod user_import;
mod user_list;
mod user_update;
mod users;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use access::PrincipalAccess;
pub use actor::Actor;
pub use audit::{AuditEntry, AuditService};
pub use decision::Decision;
pub use failure::Failure;
pub use held_role::{HeldRole, KnownPrincipal};
pub use idempotency::{Once, StoredResponse};
pub use issuers::{IssuerRename, IssuerService};
pub use me::{MeService, ProfileEdit};
pub use page::Page;
pub use principal_cache::Need;
pub use principals::PrincipalService;
pub use purge::PurgeService;
pub use readiness::{Part, ReadinessService};
pub use resolved_principal::ResolvedPrincipal;
pub use roles::{KnownVersion, RoleDraft, RoleService, RoleWithPermissions};
pub use service_accounts::{NewServiceAccount, ServiceAccount, ServiceAccountEdit, ServiceAccountService};
pub use sessions::{
    CallbackRequest, Completion, LoginRefusal, MySessionService, SessionHolder, SessionService, SessionSettings,
    SessionView, SignedOut,
};
pub use user_creation::{NewIdentity, NewUser};
pub use user_export::UserExport;
pub use user_import::{ImportMode, Imported};
pub use user_update::UserEdit;
pub use users::UserService;

pub(crate) use decision::{decide, is_delegated};
pub(crate) use principal_cache::RefusedPrincipal;
pub(crate) use tally::Tally;
