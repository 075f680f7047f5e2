//! Health: whether the process runs, has started, and can do its work.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::api_types::{CheckResponse, ReadinessResponse, StartupResponse};
use crate::auth::{Api, PUBLIC};
use crate::op;
use crate::services::ReadinessService;

pub(super) fn register(api: &mut Api) {
    api.get("/health/live", PUBLIC, op!(live)).get("/health/ready", PUBLIC, op!(ready)).get(
        "/health/startup",
        PUBLIC,
        op!(startup),
    );
}

/// Whether the process runs.
#[utoipa::path(get, path = "", responses((status = 204, description = "It runs")))]
async fn live() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Whether the service can do its work: the database answers and is migrated, there are keys to check tokens with, and nobody has told
/// the service to stop.
#[utoipa::path(get, path = "", responses(
    (status = 200, description = "It can", body = ReadinessResponse),
    (status = 503, description = "Something is missing; the check that failed is named", body = ReadinessResponse),
))]
async fn ready(readiness: web::Data<ReadinessService>) -> HttpResponse {
    let parts = readiness.parts().await;
    let response = ReadinessResponse::new(parts.iter().map(CheckResponse::from).collect());
    let status = if response.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(response)
}

/// Whether the start has ended: the keys of each issuer were asked for once, well or not.
#[utoipa::path(get, path = "", responses(
    (status = 200, description = "It has ended", body = StartupResponse),
    (status = 503, description = "It goes on", body = StartupResponse),
))]
async fn startup(readiness: web::Data<ReadinessService>) -> HttpResponse {
    if readiness.has_started() {
        HttpResponse::Ok().json(StartupResponse { status: "started" })
    } else {
        HttpResponse::ServiceUnavailable().json(StartupResponse { status: "starting" })
    }
}
