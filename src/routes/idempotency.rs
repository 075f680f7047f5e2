//! `Idempotency-Key`: identifies a request that a client may retry (draft-ietf-httpapi-idempotency-key-header).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETag, EntityTag, LOCATION};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::services::{Once, StoredResponse};

/// The name of the header field.
const FIELD: &str = "Idempotency-Key";
/// The maximum length of a key.
const MAX_LENGTH: usize = 255;

/// The idempotency key of the request, if present.
pub(super) struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// Returns the idempotent creation that `request` asks for. `answer` converts its result into the response body.
    pub(super) fn once<T>(self, operation: &'static str, request: &impl Serialize, answer: fn(&T) -> Value) -> Once<T> {
        let request = serde_json::json!(request).to_string();
        let request_hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, request.as_bytes()));
        Once { key: self.0, operation, request_hash, answer }
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request).map(Self))
    }
}

fn key(request: &HttpRequest) -> Result<Option<String>, Error> {
    let mut fields = request.headers().get_all(FIELD);
    let Some(field) = fields.next() else { return Ok(None) };
    let key = field.to_str().ok().map(unquoted).filter(|key| is_acceptable(key));
    match (key, fields.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Error::InvalidParameter(format!(
            "`{FIELD}` must be one key of 1 to {MAX_LENGTH} visible ASCII characters."
        ))),
    }
}

/// Removes the quotes. The draft requires them, but many clients omit them.
fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(field)
}

fn is_acceptable(key: &str) -> bool {
    (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// Returns the 201 for a resource below `path` that this request, or an earlier one with the same key, created.
pub(super) fn created(path: &str, answer: StoredResponse) -> HttpResponse {
    let StoredResponse { id, version, body } = answer;
    HttpResponse::Created()
        .insert_header((LOCATION, format!("{path}/{id}")))
        .insert_header(ETag(EntityTag::new_strong(version.to_string())))
        .content_type("application/json")
        .body(body)
}
