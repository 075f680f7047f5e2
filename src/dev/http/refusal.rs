//! Error responses of the token endpoint.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use openidconnect::StandardErrorResponse;
use openidconnect::core::CoreErrorResponseType;

/// An error response (RFC 6749 section 5.2).
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
pub(super) struct Refusal {
    error: CoreErrorResponseType,
    description: &'static str,
}

impl Refusal {
    pub(super) fn new(error: CoreErrorResponseType, description: &'static str) -> Self {
        Self { error, description }
    }

    pub(super) fn request(description: &'static str) -> Self {
        Self::new(CoreErrorResponseType::InvalidRequest, description)
    }

    pub(super) fn unreadable() -> Self {
        Self::request("the form is malformed, or a parameter is duplicated")
    }

    pub(super) fn client(description: &'static str) -> Self {
        Self::new(CoreErrorResponseType::InvalidClient, description)
    }

    pub(super) fn scope() -> Self {
        Self::new(CoreErrorResponseType::InvalidScope, "a scope is unknown or was not granted")
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self.error {
            CoreErrorResponseType::InvalidClient => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.error == CoreErrorResponseType::InvalidClient {
            response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"token\", charset=\"UTF-8\""));
        }
        let description = Some(self.description.to_owned());
        response.json(StandardErrorResponse::new(self.error.clone(), description, None))
    }
}
