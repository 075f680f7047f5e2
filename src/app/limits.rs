//! Limits on what a request may bring, checked before anything looks at it.

use actix_web::Error as ActixError;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::error::Error;
use crate::oidc::TokenVerifier;

/// The longest header field that is read, in bytes: no field has to be longer than a token may be.
const HEADER_FIELD_LIMIT: usize = TokenVerifier::MAX_TOKEN_BYTES;

/// Refuses a request with an oversized header field, whichever it is.
pub(super) async fn limit_header_fields(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    if request.headers().iter().any(|(_, value)| value.len() > HEADER_FIELD_LIMIT) {
        return Ok(request.error_response(Error::HeaderTooLarge { limit: HEADER_FIELD_LIMIT }));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}
