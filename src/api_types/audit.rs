//! Audit events and their query.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use super::page::{default_limit, limit};
use crate::models::{AuditAction, AuditFilter, AuditPlace, AuditTarget, ClientTime, Moment, PrincipalId};
use crate::services::AuditEntry;

/// An audit event: a change, or a refused change.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEventResponse {
    /// The id of the event.
    id: String,
    /// When the event occurred (RFC 3339).
    at: String,
    /// The id of the principal who acted; null for the command line and the service itself.
    actor: Option<String>,
    /// The id of the actor's identity that the token or session was issued for.
    actor_identity: Option<String>,
    /// The id of the client that the actor used.
    client: Option<String>,
    /// The action.
    #[schema(example = "role.grant")]
    action: &'static str,
    /// The target: a principal's id, `role:` and a role's name (`role:auditor`), `service-accounts` or `audit-events`.
    target: String,
    /// The outcome: `done` or `refused`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// The id of the request.
    request_id: Option<String>,
    /// The changed members by name. Personal values are null.
    #[schema(value_type = Object, example = json!({ "role": "auditor" }))]
    changes: serde_json::Map<String, serde_json::Value>,
    /// The number of occurrences. It exceeds 1 if the same action was refused again within a minute.
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

/// The filters and the page of a list of audit events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The maximum number of events on a page, 1 to 200.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u8,
    /// The `next_cursor` of the previous page; absent for the first page.
    #[param(value_type = Option<String>)]
    pub(crate) cursor: Option<AuditCursor>,
    /// Only events of this actor: the id of a principal.
    #[param(value_type = Option<String>, format = "uuid")]
    pub(crate) actor: Option<PrincipalId>,
    /// Only events of this target: a principal's id, `role:` and a role's name (`role:auditor`), `service-accounts` or `audit-events`.
    pub(crate) target: Option<String>,
    /// Only events of this action, such as `role.grant`.
    #[serde(default, deserialize_with = "action")]
    #[param(value_type = Option<String>)]
    pub(crate) action: Option<AuditAction>,
    /// Only events at or after this time (RFC 3339).
    #[param(value_type = Option<DateTime<Utc>>)]
    pub(crate) since: Option<ClientTime>,
    /// Only events before this time (RFC 3339).
    #[param(value_type = Option<DateTime<Utc>>)]
    pub(crate) until: Option<ClientTime>,
}

impl AuditQuery {
    /// Returns the filter.
    pub(crate) fn filter(&self) -> AuditFilter {
        AuditFilter {
            actor: self.actor,
            target: self.target.clone().map(AuditTarget::from_text),
            action: self.action,
            since: self.since.map(Moment::from),
            until: self.until.map(Moment::from),
        }
    }

    /// Returns the query string of the page that starts at `cursor`.
    pub(crate) fn query_at(&self, cursor: &str) -> String {
        let filters = [
            ("actor", self.actor.map(|actor| actor.to_string())),
            ("target", self.target.clone()),
            ("action", self.action.map(|action| action.to_string())),
            ("since", self.since.map(|since| super::rfc3339(since.utc()))),
            ("until", self.until.map(|until| super::rfc3339(until.utc()))),
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

/// The position after which a page starts. It encodes a time and an id, and is opaque to clients.
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
    let at = ClientTime::from_microseconds(at.parse().ok()?)?;
    Some(AuditPlace { at: at.into(), id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::AuditEventId;

    #[test]
    fn cursor_round_trips_and_a_malformed_one_is_rejected() {
        let at = "2026-01-02T03:04:05.678901Z".parse::<ClientTime>().unwrap().into();
        let cursor = AuditCursor(AuditPlace { at, id: AuditEventId::generate() });
        assert_eq!(place(&cursor.to_string()), Some(cursor.0));
        let id = AuditEventId::generate();
        let beyond = ["-1", "253402300800000000", "-9223372036854775808", "9223372036854775807"];
        let beyond = beyond.map(|at| BASE64_URL_SAFE_NO_PAD.encode(format!("{at} {id}")));
        for wrong in ["", "x", "MTIzIHg", "!"].into_iter().chain(beyond.iter().map(String::as_str)) {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
