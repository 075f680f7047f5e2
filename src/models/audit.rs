//! Events of the audit trail. The trail is append-only; the database rejects updates.

use super::column::{json_column, text_enum};
use super::{AuditAction, AuditEventId, AuditPlace, AuditTarget, Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::audit_events;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

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
