//! Export of all data stored about one user.

use crate::database::Invalidates;
use crate::models::permission::AUDIT_READ;
use crate::models::{AuditAction, AuditEvent, AuditPlace, Grant, Identity, Principal, PrincipalId};
use crate::repositories::{audit_events, audit_history, grants, identities};

use super::account_type::User;
use super::principal_edit;
use crate::services::{Actor, AuditEntry, Failure, Page, UserService, audit};

/// All data stored about one user, who may be deleted but not purged. The audit trail is [read in pages](UserService::history).
pub struct UserExport {
    /// The user.
    pub user: Principal,
    /// The identities by which the user signs in.
    pub identities: Vec<Identity>,
    /// The stored grants, including expired ones.
    pub grants: Vec<Grant>,
    /// Whether the actor may read the audit trail.
    pub has_history: bool,
}

impl UserService {
    /// Returns all data stored about one user, except the audit trail, and records the export in the trail.
    pub async fn export(&self, actor: &Actor, id: PrincipalId) -> Result<UserExport, Failure> {
        let has_history = actor.may(AUDIT_READ);
        let event = actor.event(self.clock.now().into(), AuditAction::ExportUser, id).with("audit_events", has_history);
        let export = self.database.write_concurrently(move |conn| {
            let user = principal_edit::find_even_deleted::<User>(conn, id)?;
            audit_events::append(conn, &event)?;
            let (identities, grants) = (identities::list(conn, id)?, grants::list(conn, id)?);
            Ok::<_, Failure>((UserExport { user, identities, grants, has_history }, Invalidates::Nothing))
        });
        export.await
    }

    /// Returns up to `limit` audit events that name a principal as actor or target, oldest first, starting after `after`. The caller must
    /// hold `audit:read`.
    pub async fn history(
        &self,
        id: PrincipalId,
        after: Option<AuditPlace>,
        limit: u16,
    ) -> Result<Page<AuditEntry, AuditPlace>, Failure> {
        self.database
            .read(move |conn| {
                let found = audit_history::list(conn, id, after, i64::from(limit) + 1)?;
                let Page { items, next } = Page::cut(found, limit, AuditEvent::place);
                Ok(Page { items: audit::with_counts(conn, items)?, next })
            })
            .await
    }
}
