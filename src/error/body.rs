//! The problem body of RFC 9457 and its response.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Error, list};

/// The media type of a problem (RFC 9457 section 6.1).
pub(crate) const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The `Retry-After` of a 503, in seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The description of a failed request (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The problem type: `urn:portcullis:problem:` followed by a stable code.
    #[serde(rename = "type")]
    #[schema(example = "urn:portcullis:problem:not-found")]
    kind: String,
    /// A summary of the problem type. It is the same for every occurrence.
    title: &'static str,
    /// The HTTP status code.
    #[schema(example = 404)]
    status: u16,
    /// A description of this occurrence and how to correct it.
    detail: String,
    /// The request id, as in the service's log and in `X-Request-Id`.
    instance: String,
}

/// Returns the problem response for a failure.
pub(crate) fn answer_for(error: &Error, request_id: &str) -> HttpResponse {
    let problem = error.problem();
    let mut response = HttpResponse::build(problem.status);
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    if let Error::RateLimited(limited) = error {
        response.insert_header((RETRY_AFTER, limited.wait.to_string()));
        response.insert_header((RATE_LIMIT_POLICY, limited.policy()));
        response.insert_header((RATE_LIMIT, limited.left()));
    }
    if let Error::MethodNotAllowed(methods) = error {
        response.insert_header((ALLOW, list(methods)));
    }
    // `json` does not replace a content type.
    response.content_type(PROBLEM_MEDIA_TYPE).json(ProblemBody {
        kind: problem.type_uri(),
        title: problem.title,
        status: problem.status.as_u16(),
        detail: error.detail(),
        instance: request_id.to_owned(),
    })
}
