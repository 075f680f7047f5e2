//! An extractor for an optional JSON body.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{Error as ActixError, FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::json_object::JsonObject;

/// The body, or the default value if the request has no body. A body that is present must be valid.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalJson<T> {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !has_body(request) {
            return Box::pin(async { Ok(Self(T::default())) });
        }
        let body = JsonObject::<T>::from_request(request, payload);
        Box::pin(async { Ok(Self(body.await?.0)) })
    }
}

/// Whether the request head announces a body (RFC 9112 section 6.3).
fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}
