//! All that is held on one person.

use crate::models::{Grant, Identity, Principal, PrincipalId};
use crate::repositories::{audit_history, grants, identities};

use super::kind::Person;
use super::{AuditEntry, Failure, UserService, principal_edit};

/// All that is held on one person, who may be deleted but not purged.
pub struct UserExport {
    /// What describes them.
    pub user: Principal,
    /// By what they come in.
    pub identities: Vec<Identity>,
    /// The roles they were given, those that have ended too.
    pub grants: Vec<Grant>,
    /// What they did and what was done to them, oldest first.
    pub events: Vec<AuditEntry>,
}

impl UserService {
    /// All that is held on one person.
    pub async fn export(&self, id: PrincipalId) -> Result<UserExport, Failure> {
        self.database
            .read(move |conn| {
                let entry =
                    |(event, repeated): (_, Option<i64>)| AuditEntry { event, count: 1 + repeated.unwrap_or(0) };
                Ok(UserExport {
                    user: principal_edit::find_even_deleted::<Person>(conn, id)?,
                    identities: identities::list(conn, id)?,
                    grants: grants::list(conn, id)?,
                    events: audit_history::list(conn, id)?.into_iter().map(entry).collect(),
                })
            })
            .await
    }
}
