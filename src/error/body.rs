//! The problem body of RFC 9457, and the response around it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Error, list};

/// Media type of a problem (RFC 9457 section 6.1).
pub(crate) const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Seconds after which a request that met an outage of ours is worth sending again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `urn:portcullis:problem:` and the problem's code.
    #[serde(rename = "type")]
    #[schema(example = "urn:portcullis:problem:not-found")]
    kind: String,
    /// What went wrong, the same for every problem of this type.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What to do about it.
    detail: String,
    /// The id of the request, under which the service's log knows it.
    instance: String,
}

/// The response for a failure; `request_id` is what the log calls the request.
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
    // `json` keeps a content type that is set already.
    response.content_type(PROBLEM_MEDIA_TYPE).json(ProblemBody {
        kind: problem.type_uri(),
        title: problem.title,
        status: problem.status.as_u16(),
        detail: error.detail(),
        instance: request_id.to_owned(),
    })
}
