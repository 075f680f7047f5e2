//! Responses with an `ETag` (RFC 9110 section 8.8.3), the version that a later change sends as `If-Match`.

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::http::header::{ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

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

/// Documents the response to a read or a change. Some operation must name the body's schema itself, which adds it to the document.
impl<T: ToSchema> IntoResponses for Versioned<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let body = Content::new(Some(Ref::from_schema_name(T::name())));
        let response = ResponseBuilder::new().content("application/json", body).build();
        BTreeMap::from([("200".to_owned(), response.into())])
    }
}
