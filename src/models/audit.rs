//! Events of the audit trail. The trail is append-only; the database rejects updates.

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
    /// An action that was done or attempted.
    pub enum AuditAction {
        /// A user was created, at first contact or by an admin.
        CreateUser = "user.create",
        /// A user's profile was synchronized from the provider.
        FollowProvider = "user.follow-provider",
        /// A user edited their own profile.
        EditProfile = "user.edit-profile",
        /// A user's profile or the expiry of the account was edited.
        UpdateUser = "user.update",
        /// A user was disabled.
        DisableUser = "user.disable",
        /// A user was enabled.
        EnableUser = "user.enable",
        /// A user's tokens were revoked.
        RevokeTokens = "user.revoke-tokens",
        /// A user was deleted; the data is kept until the purge.
        DeleteUser = "user.delete",
        /// A deleted user was restored.
        RestoreUser = "user.restore",
        /// The data of a deleted user was permanently removed.
        PurgeUser = "user.purge",
        /// All data stored about a user was exported.
        ExportUser = "user.export",
        /// A purged user was readmitted.
        ReadmitUser = "user.readmit",
        /// An identity was linked to a user.
        LinkIdentity = "identity.link",
        /// An identity was unlinked from a user.
        UnlinkIdentity = "identity.unlink",
        /// A role was granted.
        GrantRole = "role.grant",
        /// A role was revoked.
        RevokeRole = "role.revoke",
        /// A role was created.
        CreateRole = "role.create",
        /// The summary or the permissions of a role were edited.
        UpdateRole = "role.update",
        /// A role was deleted.
        DeleteRole = "role.delete",
        /// The trail was exported.
        ExportAudit = "audit.export",
        /// Old events were removed from the trail.
        PruneAudit = "audit.prune",
        /// A user signed in with a browser.
        BeginSession = "session.begin",
        /// A user signed out or ended their own sessions.
        EndSession = "session.end",
        /// The provider reported a sign-out and ended the user's sessions.
        ProviderSignOut = "session.provider-sign-out",
        /// `BOOTSTRAP_ADMIN` took effect.
        BootstrapAdmin = "admin.bootstrap",
        /// An identity was moved to the new URL of its issuer.
        MoveIdentity = "identity.move",
        /// A service account was registered.
        RegisterServiceAccount = "service-account.register",
        /// A service account's display name or expiry was edited.
        UpdateServiceAccount = "service-account.update",
        /// A service account was disabled.
        DisableServiceAccount = "service-account.disable",
        /// A service account was enabled.
        EnableServiceAccount = "service-account.enable",
        /// A service account's tokens were revoked.
        RevokeServiceAccountTokens = "service-account.revoke-tokens",
        /// A service account was deleted; the data is kept until the purge.
        DeleteServiceAccount = "service-account.delete",
        /// A deleted service account was restored.
        RestoreServiceAccount = "service-account.restore",
        /// The data of a deleted service account was permanently removed.
        PurgeServiceAccount = "service-account.purge",
    }
}

text_enum! {
    /// The outcome of an action.
    pub enum Outcome {
        /// It was done.
        Done = "done",
        /// It was refused, for example for insufficient rights or to protect the last admin.
        Refused = "refused",
    }
}

/// The changed fields, with values only if they are not personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Changes(pub serde_json::Map<String, serde_json::Value>);

json_column!(Changes);

/// One event of the audit trail.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct AuditEvent {
    /// The id of the event.
    pub id: AuditEventId,
    /// The time of the event.
    pub at: Moment,
    /// The acting principal; `None` for the command line and the service itself.
    pub actor: Option<PrincipalId>,
    /// The id of the identity that the actor's token or session was issued for. Distinguishes several linked identities.
    pub actor_identity: Option<String>,
    /// The OAuth client of the actor's token.
    pub client: Option<String>,
    /// The action.
    pub action: AuditAction,
    /// The target of the action.
    pub target: AuditTarget,
    /// The outcome.
    pub outcome: Outcome,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The changed fields.
    pub changes: Changes,
}

impl AuditEvent {
    /// Returns an event: the service itself did `action` on `target`.
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

    /// The position of the event in the trail.
    pub fn place(&self) -> AuditPlace {
        AuditPlace { at: self.at, id: self.id }
    }

    /// Adds the new value of `name`. Must not be personal data.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.changes.0.insert(name.to_owned(), value.into());
        self
    }
}
