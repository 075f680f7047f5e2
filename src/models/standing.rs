//! Enumerated attributes of a principal: kind, status, origin and e-mail state, and the role names of its last token.

use std::collections::BTreeSet;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use super::column::{json_column, text_enum};
use crate::redacted::redact_debug;

text_enum! {
    /// The kind of a principal.
    pub enum PrincipalKind {
        /// A user.
        Human = "human",
        /// A service account.
        Machine = "machine",
    }
}

text_enum! {
    /// The status of a principal.
    pub enum PrincipalStatus {
        /// Known, but waits for an admin to enable it.
        Pending = "pending",
        /// Admitted.
        Active = "active",
        /// Refused, even with a valid token.
        Disabled = "disabled",
        /// Refused, even with a valid token, and in no list.
        Deleted = "deleted",
    }
}

text_enum! {
    /// The party that disabled a principal.
    pub enum DisabledBy {
        /// An admin, over the API or the command line.
        Admin = "admin",
        /// The provider's provisioning.
        Scim = "scim",
        /// A rule of the service.
        Policy = "policy",
    }
}

text_enum! {
    /// How a principal was created.
    pub enum Origin {
        /// At first contact, from its first token.
        FirstContact = "first-contact",
        /// By an admin.
        Manual = "manual",
        /// By the provider's provisioning.
        Scim = "scim",
    }
}

text_enum! {
    /// Whether the provider verified the e-mail address.
    pub enum EmailState {
        /// The provider verified it.
        Verified = "verified",
        /// The provider did not verify it.
        Unverified = "unverified",
        /// The provider does not report it.
        Unknown = "unknown",
    }
}

/// The role names of the last token seen, for display and for the protection of administrators. Stored names grant no permissions.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct ClaimRoles(pub BTreeSet<String>);

redact_debug!(ClaimRoles);

json_column!(ClaimRoles);
