//! Readiness, check by check; without detail, as anyone may ask.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

const READY: &str = "ready";
const NOT_READY: &str = "not-ready";

/// Whether the service can do its work.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadinessResponse {
    /// `ready` or `not-ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Each thing that it needs.
    checks: Vec<CheckResponse>,
}

/// One thing that the service needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckResponse {
    /// `database` or `key_set`.
    #[schema(example = "key_set")]
    name: &'static str,
    /// Whose key set it is: the issuer's short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "keycloak")]
    issuer: Option<String>,
    /// Whether the service can do its work as far as this goes.
    passed: bool,
    /// `reachable` or `unreachable`; of a key set `fresh`, `stale`, `closed` (too old to be trusted) or `empty` (never fetched).
    #[schema(example = "fresh")]
    state: &'static str,
    /// When the keys at hand were fetched: since when they are stale or closed, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<DateTime<Utc>>,
}

impl ReadinessResponse {
    pub(crate) fn new(checks: Vec<CheckResponse>) -> Self {
        let status = if checks.iter().all(|check| check.passed) { READY } else { NOT_READY };
        Self { status, checks }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status == READY
    }
}

impl CheckResponse {
    pub(crate) fn passed(name: &'static str, state: &'static str) -> Self {
        Self { name, issuer: None, passed: true, state, fetched_at: None }
    }

    pub(crate) fn failed(name: &'static str, state: &'static str) -> Self {
        Self { name, issuer: None, passed: false, state, fetched_at: None }
    }

    /// The check as one of this issuer's keys, fetched then.
    pub(crate) fn of_issuer(self, short_name: String, fetched_at: Option<DateTime<Utc>>) -> Self {
        Self { issuer: Some(short_name), fetched_at, ..self }
    }
}
