//! The words that a principal is described by: its kind, status, origin, and what its provider says of it.

use std::collections::BTreeSet;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use super::column::{json_column, text_enum};
use crate::redacted::redact_debug;

text_enum! {
    /// Person or program.
    pub enum PrincipalKind {
        /// A person.
        Human = "human",
        /// A program: a service account.
        Machine = "machine",
    }
}

text_enum! {
    /// Whether a principal may come in.
    pub enum PrincipalStatus {
        /// Known, not yet let in.
        Pending = "pending",
        /// May come in.
        Active = "active",
        /// Shut out, whatever its token says.
        Disabled = "disabled",
        /// Gone, whatever its token says.
        Deleted = "deleted",
    }
}

text_enum! {
    /// Who shut a principal out.
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
    /// How a principal came to be known.
    pub enum Origin {
        /// By its first token.
        FirstContact = "first-contact",
        /// An admin made it.
        Manual = "manual",
        /// The provider's provisioning made it.
        Scim = "scim",
    }
}

text_enum! {
    /// What the provider says of the e-mail address.
    pub enum EmailState {
        /// The provider verified it.
        Verified = "verified",
        /// The provider did not verify it.
        Unverified = "unverified",
        /// The provider does not say.
        Unknown = "unknown",
    }
}

/// The role names of the last token seen, for display only: they grant nothing by being stored.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct ClaimRoles(pub BTreeSet<String>);

redact_debug!(ClaimRoles);

json_column!(ClaimRoles);
