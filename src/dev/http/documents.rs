//! Discovery and the key set, as honest as their [`Endpoint`] is told to be.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::dev::endpoint::{Endpoint, EndpointBehavior};
use crate::dev::provider::Provider;

pub(super) async fn discovery(provider: web::Data<Provider>) -> HttpResponse {
    answer(&provider.discovery, || provider.document.clone()).await
}

pub(super) async fn jwks(provider: web::Data<Provider>) -> HttpResponse {
    answer(&provider.jwks, || provider.keys.document()).await
}

/// `honest` is asked only after the wait, so that what is served is never older than the answer.
async fn answer(endpoint: &Endpoint, honest: impl FnOnce() -> Value) -> HttpResponse {
    misbehaviour(endpoint.pass().await).unwrap_or_else(|| HttpResponse::Ok().json(honest()))
}

/// What an endpoint answers that was told to; `None` from an honest one.
pub(super) fn misbehaviour(answer: EndpointBehavior) -> Option<HttpResponse> {
    Some(match answer {
        EndpointBehavior::Honest => return None,
        EndpointBehavior::Status(status) => {
            HttpResponse::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
        EndpointBehavior::Body(body) => HttpResponse::Ok().content_type("application/json").body(body),
        EndpointBehavior::Redirect(location) => {
            HttpResponse::Found().insert_header((header::LOCATION, location)).finish()
        }
    })
}
