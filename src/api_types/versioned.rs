//! A resource with its version: the ETag that a later change has to name (RFC 9110 section 8.8.3).

use actix_web::body::BoxBody;
use actix_web::http::header::{ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

/// A body and the version of what it shows.
pub(crate) struct Versioned<T> {
    is_new: bool,
    version: i64,
    body: T,
}

impl<T> Versioned<T> {
    pub(crate) fn new(version: i64, body: T) -> Self {
        Self { is_new: false, version, body }
    }

    /// The same, of a resource that the request made.
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
