//! The audit trail: who changed what. Append only; the database refuses anything else.

use super::column::{json_column, text_enum};
use super::{AuditEventId, AuditPlace, AuditTarget, Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::audit_events;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What somebody did or tried to do.
    pub enum AuditAction {
        /// A person was seen for the first time.
        CreateUser = "user.create",
        /// A person's profile took on what the provider says now.
        FollowProvider = "user.follow-provider",
        /// A person edited their profile.
        EditProfile = "user.edit-profile",
        /// A user's description or the end of the account was edited.
        UpdateUser = "user.update",
        /// A user was shut out.
        DisableUser = "user.disable",
        /// A user was let in.
        EnableUser = "user.enable",
        /// A user's tokens were declared void.
        RevokeTokens = "user.revoke-tokens",
        /// A user was deleted; what is known of them is kept for a while.
        DeleteUser = "user.delete",
        /// A deleted user was restored.
        RestoreUser = "user.restore",
        /// What was known of a deleted user was removed for good.
        PurgeUser = "user.purge",
        /// All that is stored on a user was exported.
        ExportUser = "user.export",
        /// Somebody who was purged may come again.
        ReadmitUser = "user.readmit",
        /// An identity was linked to a user.
        LinkIdentity = "identity.link",
        /// An identity was taken from a user.
        UnlinkIdentity = "identity.unlink",
        /// A role was given.
        GrantRole = "role.grant",
        /// A role was taken away.
        RevokeRole = "role.revoke",
        /// A role was made.
        CreateRole = "role.create",
        /// What a role is for or what it grants was edited.
        UpdateRole = "role.update",
        /// A role was deleted.
        DeleteRole = "role.delete",
        /// The trail was exported.
        ExportAudit = "audit.export",
        /// Old events were removed from the trail.
        PruneAudit = "audit.prune",
        /// Somebody signed in with a browser.
        BeginSession = "session.begin",
        /// Somebody signed out, or ended sessions of theirs.
        EndSession = "session.end",
        /// The provider said that somebody signed out there, everywhere.
        ProviderSignOut = "session.provider-sign-out",
        /// `BOOTSTRAP_ADMIN` took effect.
        BootstrapAdmin = "admin.bootstrap",
        /// An identity moved to its issuer's new URL.
        MoveIdentity = "identity.move",
        /// A program was registered.
        RegisterServiceAccount = "service-account.register",
        /// A program's description or the end of its account was edited.
        UpdateServiceAccount = "service-account.update",
        /// A program was shut out.
        DisableServiceAccount = "service-account.disable",
        /// A program was let in.
        EnableServiceAccount = "service-account.enable",
        /// A program's tokens were declared void.
        RevokeServiceAccountTokens = "service-account.revoke-tokens",
        /// A program was deleted; what is known of it is kept for a while.
        DeleteServiceAccount = "service-account.delete",
        /// A deleted program was restored.
        RestoreServiceAccount = "service-account.restore",
        /// What was known of a deleted program was removed for good.
        PurgeServiceAccount = "service-account.purge",
    }
}

text_enum! {
    /// How it ended.
    pub enum Outcome {
        /// It was done.
        Done = "done",
        /// It was refused: the actor's rights do not reach, or no admin would be left.
        Refused = "refused",
    }
}

/// What changed: names of fields, and values only where they are not personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Changes(pub serde_json::Map<String, serde_json::Value>);

json_column!(Changes);

/// One event.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// When.
    pub at: Moment,
    /// Who; `None` for the command line and the service itself.
    pub actor: Option<PrincipalId>,
    /// The id of the actor's identity that the token or session was issued for: which of several linked ones acted.
    pub actor_identity: Option<String>,
    /// By which client.
    pub client: Option<String>,
    /// What.
    pub action: AuditAction,
    /// On whom or what.
    pub target: AuditTarget,
    /// With what outcome.
    pub outcome: Outcome,
    /// In which request.
    pub request_id: Option<String>,
    /// What changed.
    pub changes: Changes,
}

impl AuditEvent {
    /// The service itself did `action` on `target`.
    pub fn new(at: Moment, action: AuditAction, target: impl Into<AuditTarget>) -> Self {
        Self {
            id: AuditEventId::generate(),
            at,
            actor: None,
            actor_identity: None,
            client: None,
            action,
            target: target.into(),
            outcome: Outcome::Done,
            request_id: None,
            changes: Changes::default(),
        }
    }

    /// Its place in the trail.
    pub fn place(&self) -> AuditPlace {
        AuditPlace { at: self.at, id: self.id }
    }

    /// Adds what `name` was changed to. Never a personal value.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.changes.0.insert(name.to_owned(), value.into());
        self
    }
}
