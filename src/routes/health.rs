//! Health: whether the process runs, and whether it can do its work.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::api_types::{CheckResponse, ReadinessResponse};
use crate::auth::{Api, PUBLIC};
use crate::database::Database;
use crate::oidc::{KeySetCondition, TrustedIssuers};
use crate::op;

pub(super) fn register(api: &mut Api) {
    api.get("/health/live", PUBLIC, op!(live)).get("/health/ready", PUBLIC, op!(ready));
}

/// Whether the process runs.
#[utoipa::path(get, path = "", responses((status = 204, description = "It runs")))]
async fn live() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Whether the service can do its work: the database answers, and there are keys to check tokens with.
#[utoipa::path(get, path = "", responses(
    (status = 200, description = "It can", body = ReadinessResponse),
    (status = 503, description = "Something is missing; the check that failed is named", body = ReadinessResponse),
))]
async fn ready(database: web::Data<Database>, issuers: web::Data<TrustedIssuers>) -> HttpResponse {
    let mut checks = vec![database_check(&database).await];
    let key_sets = issuers.key_states().into_iter();
    checks.extend(key_sets.map(|(issuer, keys)| key_set_check(keys.condition).of_issuer(issuer, keys.fetched_at)));
    let readiness = ReadinessResponse::new(checks);
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(readiness)
}

async fn database_check(database: &Database) -> CheckResponse {
    match database.ping().await {
        Ok(()) => CheckResponse::passed("database", "reachable"),
        Err(_) => CheckResponse::failed("database", "unreachable"),
    }
}

fn key_set_check(condition: KeySetCondition) -> CheckResponse {
    match condition {
        KeySetCondition::Fresh => CheckResponse::passed("key_set", "fresh"),
        // Good keys still verify; the next rotation would be missed.
        KeySetCondition::Stale => CheckResponse::passed("key_set", "stale"),
        KeySetCondition::Closed => CheckResponse::failed("key_set", "closed"),
        KeySetCondition::Empty => CheckResponse::failed("key_set", "empty"),
    }
}
