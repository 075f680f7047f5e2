//! A resource with its version: the ETag that a later change has to name (RFC 9110 section 8.8.3).

use actix_web::body::BoxBody;
use actix_web::http::header::{ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

/// A body and the version of what it shows.
pub(crate) struct Versioned<T> {
    version: i64,
    body: T,
}

impl<T> Versioned<T> {
    pub(crate) fn new(version: i64, body: T) -> Self {
        Self { version, body }
    }
}

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header(ETag(EntityTag::new_strong(self.version.to_string()))).json(self.body)
    }
}
