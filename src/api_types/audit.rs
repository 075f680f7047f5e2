//! The audit trail as it is shown and asked for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use super::page::{default_limit, limit};
use crate::models::{AuditAction, AuditFilter, AuditPlace, AuditTarget, Moment, PrincipalId};
use crate::services::AuditEntry;

/// What somebody did, or was refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEventResponse {
    /// The event's id.
    id: String,
    /// When; RFC 3339.
    at: String,
    /// The principal who acted; null for the command line and the service itself.
    actor: Option<String>,
    /// The id of the actor's identity that the token or session was issued for: which of several linked ones acted.
    actor_identity: Option<String>,
    /// The client that they acted through.
    client: Option<String>,
    /// What was done.
    #[schema(example = "role.grant")]
    action: &'static str,
    /// What it was done to: a principal's id, `role:` and a role's name (`role:auditor`), `service-accounts` or `audit-events`.
    target: String,
    /// `done` or `refused`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// The id of the request.
    request_id: Option<String>,
    /// What changed, by name. Personal values are null.
    #[schema(value_type = Object, example = json!({ "role": "auditor" }))]
    changes: serde_json::Map<String, serde_json::Value>,
    /// How often: more than once where the same was refused again within a minute.
    #[schema(example = 1)]
    count: i64,
}

impl From<AuditEntry> for AuditEventResponse {
    fn from(AuditEntry { event, count }: AuditEntry) -> Self {
        Self {
            id: event.id.to_string(),
            at: moment(event.at),
            actor: event.actor.map(|actor| actor.to_string()),
            actor_identity: event.actor_identity,
            client: event.client,
            action: event.action.as_str(),
            target: event.target.as_str().to_owned(),
            outcome: event.outcome.as_str(),
            request_id: event.request_id,
            changes: event.changes.0,
            count,
        }
    }
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many events, 1 to 200.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u8,
    /// `next_cursor` of the page before; absent for the first page.
    #[param(value_type = Option<String>)]
    pub(crate) cursor: Option<AuditCursor>,
    /// Events of this principal's doing.
    #[param(value_type = Option<String>, format = "uuid")]
    pub(crate) actor: Option<PrincipalId>,
    /// Events about this: a principal's id, `role:` and a role's name (`role:auditor`), `service-accounts` or `audit-events`.
    pub(crate) target: Option<String>,
    /// Events of this kind, as `role.grant`.
    #[serde(default, deserialize_with = "action")]
    #[param(value_type = Option<String>)]
    pub(crate) action: Option<AuditAction>,
    /// Events from this time on; RFC 3339.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Events before this time; RFC 3339.
    pub(crate) until: Option<DateTime<Utc>>,
}

impl AuditQuery {
    /// What the filters leave.
    pub(crate) fn filter(&self) -> AuditFilter {
        AuditFilter {
            actor: self.actor,
            target: self.target.clone().map(AuditTarget::from_text),
            action: self.action,
            since: self.since.map(Moment::from),
            until: self.until.map(Moment::from),
        }
    }

    /// The query for the page that starts at `cursor`.
    pub(crate) fn query_at(&self, cursor: &str) -> String {
        let filters = [
            ("actor", self.actor.map(|actor| actor.to_string())),
            ("target", self.target.clone()),
            ("action", self.action.map(|action| action.to_string())),
            ("since", self.since.map(super::rfc3339)),
            ("until", self.until.map(super::rfc3339)),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string()).append_pair("cursor", cursor);
        query.extend_pairs(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        query.finish()
    }
}

fn action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AuditAction>, D::Error> {
    let word = String::deserialize(deserializer)?;
    let action = AuditAction::from_word(&word);
    action.map(Some).ok_or_else(|| serde::de::Error::custom(", expected an `action` of the audit trail"))
}

/// The place after which a page starts: opaque to clients, a time and an id to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuditCursor(pub(crate) AuditPlace);

impl std::fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let AuditPlace { at, id } = self.0;
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(format!("{} {id}", at.utc().timestamp_micros())))
    }
}

impl<'de> Deserialize<'de> for AuditCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = place(&String::deserialize(deserializer)?);
        place.map(Self).ok_or_else(|| serde::de::Error::custom(", expected the `next_cursor` of a page as `cursor`"))
    }
}

fn place(cursor: &str) -> Option<AuditPlace> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.split_once(' ')?;
    let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
    Some(AuditPlace { at: at.into(), id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::AuditEventId;

    #[test]
    fn a_cursor_survives_its_text() {
        let at = "2026-01-02T03:04:05.678901Z".parse::<DateTime<Utc>>().unwrap().into();
        let cursor = AuditCursor(AuditPlace { at, id: AuditEventId::generate() });
        assert_eq!(place(&cursor.to_string()), Some(cursor.0));
        for wrong in ["", "x", "MTIzIHg", "!"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
