//! Health probes: liveness, startup and readiness.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::api_types::{CheckResponse, ReadinessResponse, StartupResponse};
use crate::auth::PUBLIC;
use crate::op;
use crate::routing::Api;
use crate::services::ReadinessService;

pub(super) fn register(api: &mut Api) {
    api.get("/health/live", PUBLIC, op!(live)).get("/health/ready", PUBLIC, op!(ready)).get(
        "/health/startup",
        PUBLIC,
        op!(startup),
    );
}

/// Reports whether the process is alive.
#[utoipa::path(get, path = "", responses((status = 204, description = "The process is alive")))]
async fn live() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Reports whether the service is ready.
///
/// The service is ready if the database is reachable and migrated, the key sets for token verification are usable, and no shutdown has
/// begun.
#[utoipa::path(get, path = "", responses(
    (status = 200, description = "The service is ready", body = ReadinessResponse),
    (status = 503, description = "At least one check failed", body = ReadinessResponse),
))]
async fn ready(readiness: web::Data<ReadinessService>) -> HttpResponse {
    let parts = readiness.parts().await;
    let response = ReadinessResponse::new(parts.iter().map(CheckResponse::from).collect());
    let status = if response.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(response)
}

/// Reports whether startup is complete.
///
/// Startup is complete after one attempt, successful or not, to fetch the key set of each issuer.
#[utoipa::path(get, path = "", responses(
    (status = 200, description = "Startup is complete", body = StartupResponse),
    (status = 503, description = "Startup is in progress", body = StartupResponse),
))]
async fn startup(readiness: web::Data<ReadinessService>) -> HttpResponse {
    if readiness.has_started() {
        HttpResponse::Ok().json(StartupResponse { status: "started" })
    } else {
        HttpResponse::ServiceUnavailable().json(StartupResponse { status: "starting" })
    }
}
