//! Use cases, each in one transaction, in the terms of the domain.
//!
//! Services decide what rows mean and who may change them. They know neither HTTP nor status codes. A change and its audit event are
//! committed together.

mod accounts;
mod actor;
mod audit;
pub(crate) mod callers;
mod encryption;
mod failure;
mod idempotency;
mod issuers;
mod known_issuers;
mod me;
mod page;
mod readiness;
mod refusal;
mod roles;
mod sessions;
mod text;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use accounts::Accounts;
pub use accounts::access::PrincipalAccess;
pub use accounts::account_type::{AccountType, ServiceAccount, ServiceAccounts, User};
pub use accounts::purge::PurgeService;
pub use accounts::service_accounts::{NewServiceAccount, ServiceAccountEdit, ServiceAccountService};
pub use accounts::user_creation::{NewIdentity, NewUser};
pub use accounts::user_export::UserExport;
pub use accounts::user_import::{ImportMode, Imported};
pub use accounts::user_update::UserEdit;
pub use accounts::users::UserService;
pub use actor::Actor;
pub use audit::{AuditEntry, AuditService};
pub use callers::PrincipalService;
pub use callers::resolved_principal::ResolvedPrincipal;
pub use callers::validity::Need;
pub use failure::Failure;
pub use idempotency::{Once, StoredResponse};
pub use issuers::{IssuerRename, IssuerService};
pub use me::{MeService, ProfileEdit};
pub use page::Page;
pub use readiness::{Part, ReadinessService};
pub use roles::decision::Decision;
pub use roles::definition::{RoleDraft, RoleWithPermissions};
pub use roles::held_role::{HeldRole, KnownPrincipal};
pub use roles::{KnownVersion, RoleService};
pub use sessions::{
    CallbackRequest, Completion, LoginRefusal, MySessionService, SessionHolder, SessionService, SessionSettings,
    SessionView, SignedOut,
};

pub(crate) use callers::cache::RefusedPrincipal;
pub(crate) use roles::decision::{decide, is_delegated};
