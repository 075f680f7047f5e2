//! The discovery document and the key set, subject to the behavior of their [`Endpoint`].

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::dev::endpoint::{Endpoint, EndpointBehavior};
use crate::dev::provider::Provider;

pub(super) async fn discovery(provider: web::Data<Provider>) -> HttpResponse {
    respond(&provider.discovery, || provider.document.clone()).await
}

pub(super) async fn jwks(provider: web::Data<Provider>) -> HttpResponse {
    respond(&provider.jwks, || provider.keys.document()).await
}

/// `document` is evaluated after the wait, so that the response is current.
async fn respond(endpoint: &Endpoint, document: impl FnOnce() -> Value) -> HttpResponse {
    overridden(endpoint.pass().await).unwrap_or_else(|| HttpResponse::Ok().json(document()))
}

/// The response of an overridden endpoint; `None` for the default behavior.
pub(super) fn overridden(behavior: EndpointBehavior) -> Option<HttpResponse> {
    Some(match behavior {
        EndpointBehavior::Default => return None,
        EndpointBehavior::Status(status) => {
            HttpResponse::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
        EndpointBehavior::Body(body) => HttpResponse::Ok().content_type("application/json").body(body),
        EndpointBehavior::Redirect(location) => {
            HttpResponse::Found().insert_header((header::LOCATION, location)).finish()
        }
    })
}
