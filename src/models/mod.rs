//! Rows, changesets and small domain types.

mod audit;
mod audit_action;
mod audit_trail;
mod client_time;
mod column;
mod fold;
mod grant;
mod identity;
mod key_set;
mod listing;
mod moment;
pub mod permission;
mod principal;
mod principal_id;
mod profile;
mod search;
mod session;
mod standing;

pub use audit::{AuditEvent, Changes, Outcome};
pub use audit_action::AuditAction;
pub use audit_trail::{AuditEventId, AuditFilter, AuditOrder, AuditPlace, AuditTarget};
pub use client_time::ClientTime;
pub use fold::fold;
pub use grant::{ADMIN, Grant, GrantSource, MEMBER, Role, computed_permissions};
pub use identity::{Identity, IdentityKey};
pub use key_set::{KeySetTurn, StoredKeySet};
pub use listing::{PeopleFilter, PeopleOrder, PeoplePlace};
pub use moment::Moment;
pub use principal::Principal;
pub use principal_id::PrincipalId;
pub use profile::{EditedFields, ProfileField, ProviderProfile};
pub use search::{SearchTerms, TermRange};
pub use session::{Session, SessionRenewal};
pub use standing::{ClaimRoles, DisabledBy, EmailState, Origin, PrincipalKind, PrincipalStatus};
