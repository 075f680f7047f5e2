//! Deletion and restoration of users and service accounts. A deleted principal is refused, appears in no list, and can be restored for a
//! limited time.

use chrono::TimeDelta;

use crate::models::{Changes, DisabledBy, PrincipalId, PrincipalStatus};

use super::Accounts;
use super::account_type::AccountType;
use super::principal_edit::{Change, Edit, status_changes};
use crate::services::{Actor, Failure};

/// How long a deleted principal can be restored before it is purged.
pub(crate) const RESTORABLE_FOR: TimeDelta = TimeDelta::days(30);

impl<K: AccountType> Accounts<K> {
    /// Deletes a principal from the next request on. Its sessions end, and its tokens stay revoked when it is restored.
    pub async fn delete(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<(), Failure> {
        let change = Change { action: K::ACTIONS.delete, id, if_match };
        self.change(actor, change, |edit| edit.delete()).await.map(drop)
    }

    /// Restores a deleted principal to its former status. Does nothing if it is not deleted; fails as unknown 30 days after deletion.
    pub async fn restore(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<K::View, Failure> {
        let change = Change { action: K::ACTIONS.restore, id, if_match };
        self.change(actor, change, |edit| edit.restore(K::unknown)).await
    }
}

impl Edit<'_> {
    fn delete(&mut self) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        self.end_access()?;
        let before = self.principal.status;
        self.principal.status = PrincipalStatus::Deleted;
        self.principal.deleted_from = Some(before);
        self.principal.deleted_at = Some(self.now.into());
        self.principal.disabled_by = None;
        Ok(Some(status_changes(before, self.principal.status)))
    }

    fn restore(&mut self, unknown: fn() -> Failure) -> Result<Option<Changes>, Failure> {
        self.require_grantable_principal()?;
        let Some(deleted_at) = self.principal.deleted_at else { return Ok(None) };
        // A principal due for purging counts as unknown even before the purge runs.
        if deleted_at.utc() + RESTORABLE_FOR <= self.now {
            return Err(unknown());
        }
        let before = self.principal.deleted_from.take().unwrap_or(PrincipalStatus::Disabled);
        self.principal.status = before;
        self.principal.deleted_at = None;
        // The original `disabled_by` is lost on deletion; the admin who restores the principal keeps it disabled.
        self.principal.disabled_by = (before == PrincipalStatus::Disabled).then_some(DisabledBy::Admin);
        Ok(Some(status_changes(PrincipalStatus::Deleted, before)))
    }
}
