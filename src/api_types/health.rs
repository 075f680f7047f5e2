//! Readiness, check by check; without detail, as anyone may ask.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::Part;

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

/// Whether the start has ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartupResponse {
    /// `started` or `starting`.
    #[schema(example = "started")]
    pub(crate) status: &'static str,
}

/// One thing that the service needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckResponse {
    /// `database`, `key_set`, `migrations` or `server`.
    #[schema(example = "key_set")]
    name: &'static str,
    /// Whose key set it is: the issuer's short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "keycloak")]
    issuer: Option<String>,
    /// Whether the service can do its work as far as this goes.
    passed: bool,
    /// Of the database `reachable` or `unreachable`; of a key set `fresh`, `stale`, `closed` (too old to be trusted) or `empty` (never
    /// fetched); of the migrations `current`, `ahead` (a newer program has migrated), `behind` or `unknown`; of the server `serving` or
    /// `stopping`.
    #[schema(example = "fresh")]
    state: &'static str,
    /// Seconds since it was first seen in this state.
    age_seconds: u64,
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

impl From<&Part> for CheckResponse {
    fn from(part: &Part) -> Self {
        Self {
            name: part.name,
            issuer: part.issuer.clone(),
            passed: part.is_good,
            state: part.state,
            age_seconds: part.age_seconds,
            fetched_at: part.fetched_at,
        }
    }
}
