//! Startup and readiness responses. The endpoints are public, so the checks carry no details.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::Part;

const READY: &str = "ready";
const NOT_READY: &str = "not-ready";

/// The readiness of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadinessResponse {
    /// The status: `ready` or `not-ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The result of each check.
    checks: Vec<CheckResponse>,
}

/// The startup status.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartupResponse {
    /// The status: `started` or `starting`.
    #[schema(example = "started")]
    pub(crate) status: &'static str,
}

/// The result of a readiness check.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckResponse {
    /// The name of the check: `database`, `key_set`, `migrations` or `server`.
    #[schema(example = "key_set")]
    name: &'static str,
    /// The short name of the issuer, for `key_set`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "keycloak")]
    issuer: Option<String>,
    /// Whether the check passed.
    passed: bool,
    /// The state. Database: `reachable` or `unreachable`. Key set: `fresh`, `stale`, `closed` (too old to be trusted) or `empty` (never
    /// fetched). Migrations: `current`, `ahead` (applied by a newer version), `behind` or `unknown`. Server: `serving` or `stopping`.
    #[schema(example = "fresh")]
    state: &'static str,
    /// The time in this state, in seconds.
    age_seconds: u64,
    /// When the current keys were fetched.
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
