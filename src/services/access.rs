//! What a principal's roles come to, and where each is from.

use chrono::{DateTime, Utc};

use crate::models::{Grant, PrincipalId};
use crate::repositories::grants;

use super::account_type::AccountType;
use super::accounts::Accounts;
use super::principal_edit::{self, Rules};
use super::{Failure, KnownPrincipal};

/// A principal with every role that counts, those of the last token seen too, and every grant, those that have ended too.
#[derive(Clone, Debug)]
pub struct PrincipalAccess {
    /// The principal.
    pub known: KnownPrincipal,
    /// What is stored for it.
    pub grants: Vec<Grant>,
    /// When this was so.
    pub at: DateTime<Utc>,
}

impl<K: AccountType> Accounts<K> {
    /// What a principal may do and why.
    pub async fn access(&self, id: PrincipalId) -> Result<PrincipalAccess, Failure> {
        let (permissions, issuers, now) = (self.permissions.clone(), self.issuers.clone(), self.clock.now());
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
