//! Responses with an `ETag` (RFC 9110 section 8.8.3), the version that a later change sends as `If-Match`.

use actix_web::body::BoxBody;
use actix_web::http::header::{ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

/// A response body and the version of its resource.
pub(crate) struct Versioned<T> {
    is_new: bool,
    version: i64,
    body: T,
}

impl<T> Versioned<T> {
    pub(crate) fn new(version: i64, body: T) -> Self {
        Self { is_new: false, version, body }
    }

    /// Returns the 201 response for a resource that the request created.
    pub(crate) fn created(version: i64, body: T) -> Self {
        Self { is_new: true, version, body }
    }
}

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let tag = EntityTag::new_strong(self.version.to_string());
        let mut response = if self.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
        response.insert_header(ETag(tag)).json(self.body)
    }
}
