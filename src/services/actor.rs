//! Who is behind a change.

use crate::models::permission::{DeclaredPermissions, PermissionSet};
use crate::models::{AuditAction, AuditEvent, AuditTarget, Moment, PrincipalId};

/// Whoever asks for a change, with the rights that bound it.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who; `None` for the command line.
    pub principal: Option<PrincipalId>,
    /// The client that they act through.
    pub client: Option<String>,
    /// What the actor's own roles grant: scopes do not widen or narrow it.
    pub permissions: PermissionSet,
    /// The request, for the audit trail.
    pub request_id: Option<String>,
}

impl Actor {
    /// Whoever can run the command line on the database: nothing is above their rights.
    pub fn command_line(permissions: &DeclaredPermissions) -> Self {
        Self { principal: None, client: None, permissions: permissions.all().collect(), request_id: None }
    }

    /// This actor did `action` on `target`.
    pub(super) fn event(&self, at: Moment, action: AuditAction, target: impl Into<AuditTarget>) -> AuditEvent {
        let mut event = AuditEvent::new(at, action, target);
        event.actor = self.principal;
        event.client.clone_from(&self.client);
        event.request_id.clone_from(&self.request_id);
        event
    }
}
