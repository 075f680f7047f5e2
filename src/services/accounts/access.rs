//! The effective permissions of a principal and the sources of its roles.

use chrono::{DateTime, Utc};

use crate::models::{Grant, PrincipalId};
use crate::repositories::grants;

use super::Accounts;
use super::account_type::AccountType;
use super::principal_edit::{self, Rules};
use crate::services::{Failure, KnownPrincipal};

/// A principal with all roles in effect, including those of its last token, and all stored grants, including expired ones.
#[derive(Clone, Debug)]
pub struct PrincipalAccess {
    /// The principal.
    pub known: KnownPrincipal,
    /// The stored grants.
    pub grants: Vec<Grant>,
    /// The time of this snapshot.
    pub at: DateTime<Utc>,
}

impl<K: AccountType> Accounts<K> {
    /// Returns the effective roles and the stored grants of a principal.
    pub async fn access(&self, id: PrincipalId) -> Result<PrincipalAccess, Failure> {
        let permissions = self.permissions.clone();
        let issuers = self.issuers.clone();
        let now = self.clock.now();
        self.database
            .read(move |conn| {
                let found = principal_edit::find::<K>(conn, id)?;
                let rules = Rules { permissions: &permissions, issuers: &*issuers };
                let roles = rules.held(conn, &found, now)?;
                Ok(PrincipalAccess {
                    known: KnownPrincipal::new(found, roles),
                    grants: grants::list(conn, id)?,
                    at: now,
                })
            })
            .await
    }
}
