//! Request failures and their responses. No other module maps failures to status codes.
//!
//! A failure keeps its cause for the log. The response contains the problem's title, a sentence that says what to do, and the request id.
//! It repeats nothing from a token, an SQL statement or a provider.

mod body;
mod body_time;
mod cross_site;
mod failures;
mod input;
mod limited;
pub(crate) mod problem;

pub(crate) use body::{PROBLEM_MEDIA_TYPE, ProblemBody, answer_for};
pub use cross_site::CrossSite;
pub(crate) use input::{body_config, json_config, path_config, query_config};
pub use limited::Limited;
pub(crate) use problem::Problem;

use actix_web::error::PayloadError;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};

use crate::database::DatabaseError;
use crate::models::permission::Permission;
use crate::oidc::Rejection;
use crate::services::Failure;

use failures::{problem_of, problem_of_database};

/// A failed request. Handlers return it; the response is `application/problem+json` (RFC 9457).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 401: the request has no bearer token.
    #[error("Send an access token from a trusted issuer as `Authorization: Bearer`.")]
    MissingToken,
    /// 400: the credential is malformed.
    #[error("{0}")]
    MalformedCredential(&'static str),
    /// 401 for a token that is not accepted, 403 for a verified token that does not meet the operator's requirements, 503 if the token
    /// could not be verified.
    #[error(transparent)]
    Token(#[from] Rejection),
    /// 403: the token lacks the scope.
    #[error("The access token lacks the scope for `{}`. Request it from the identity provider.", .permission.name())]
    MissingScope {
        /// The permission that the route requires.
        permission: Permission,
        /// The scope with the prefix of the token's issuer.
        scope: String,
    },
    /// 403: no role of the principal grants the permission.
    #[error("None of your roles grants `{}`. Ask an administrator for a role that does.", .0.name())]
    MissingPermission(Permission),
    /// The failure of a use case.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// 400: the request body is invalid. The sentence says what is expected and repeats nothing from the request.
    #[error("{0}")]
    InvalidBody(String),
    /// 400: a path, query or header parameter is invalid.
    #[error("{0}")]
    InvalidParameter(String),
    /// 403: a CORS preflight from an origin, or for a method or header field, that is not allowed.
    #[error(
        "Add the origin to `CORS_ALLOWED_ORIGINS`, and send only the methods and header fields that the service allows."
    )]
    CrossOrigin,
    /// 403: a cookie-authenticated request that a page of a foreign origin could have sent.
    #[error("{}", .0.detail())]
    CrossSite(CrossSite),
    /// 421: a `Host` that a service on loopback does not serve (RFC 9110 section 15.5.20).
    #[error("The service listens on loopback. Send a loopback name, or the host of `SERVER_PUBLIC_URL`, as `Host`.")]
    UnknownHost,
    /// 404: the resource does not exist or does not belong to the caller.
    #[error("See `/openapi.json` for the available routes.")]
    NotFound,
    /// 405, with the allowed methods.
    #[error("Use an allowed method: {}.", list(.0))]
    MethodNotAllowed(Vec<Method>),
    /// 413: the request body exceeds the size limit.
    #[error("{}", too_large(*.limit))]
    BodyTooLarge {
        /// The limit in bytes, if known.
        limit: Option<usize>,
    },
    /// 415: the operation does not accept the body's media type.
    #[error("The request body must be `{0}`.")]
    UnsupportedMediaType(&'static str),
    /// 428: a change without `If-Match` could overwrite a concurrent change (RFC 6585 section 3).
    #[error("Send the `ETag` of the version that you read as `If-Match`.")]
    PreconditionRequired,
    /// 408: the request body was not received in time.
    #[error("Send the request body faster, or in smaller requests.")]
    BodyTooSlow,
    /// 429: a rate limit is exceeded. Names the budget and the time to wait.
    #[error("Too many {}. Try again in {} s.", .0.of_what(), .0.wait)]
    RateLimited(Limited),
    /// 431: a header field exceeds the size limit.
    #[error("A header field may have at most {limit} bytes.")]
    HeaderTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A client error with this status from a library or a handler with another error type.
    #[error("The request was refused.")]
    Foreign(StatusCode),
    /// 409: the resource exists already or conflicts with another one. The sentence names the conflict.
    #[error("{0}")]
    Conflict(String),
    /// 503 while the database is unreachable, otherwise 500.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// 500: a handler extracted the caller on a route that is registered as public.
    #[error("the caller was extracted on a route without a guard")]
    Unguarded,
    /// 500: an unexpected failure. The cause is logged and not returned.
    #[error("unexpected failure")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<&actix_web::Error> for Error {
    /// Converts an error of a library, or of a handler with another error type: keeps its status, and its text for the log only.
    fn from(error: &actix_web::Error) -> Self {
        if error.as_error::<PayloadError>().is_some_and(body_time::is_too_slow) {
            return Self::BodyTooSlow;
        }
        let status = error.as_response_error().status_code();
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge { limit: None },
            status if status.is_client_error() => Self::Foreign(status),
            _ => Self::Internal(error.to_string().into()),
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Error {
    /// Returns the problem type of this failure.
    pub(crate) fn problem(&self) -> Problem {
        if let Self::Foreign(status) = self {
            return Problem::of_status(*status);
        }
        *self.listed_problem()
    }

    fn listed_problem(&self) -> &'static Problem {
        match self {
            Self::MissingToken => &problem::MISSING_TOKEN,
            Self::MalformedCredential(_) => &problem::INVALID_REQUEST,
            Self::Token(Rejection::IntrospectionUnavailable) => &problem::INTROSPECTION_UNAVAILABLE,
            Self::Token(rejection) if rejection.is_our_outage() => &problem::KEYS_UNAVAILABLE,
            Self::Token(Rejection::RequirementUnmet(_)) => &problem::REQUIREMENT_UNMET,
            Self::Token(_) => &problem::INVALID_TOKEN,
            Self::MissingScope { .. } => &problem::INSUFFICIENT_SCOPE,
            Self::MissingPermission(_) => &problem::MISSING_PERMISSION,
            Self::Refused(failure) => problem_of(failure),
            Self::InvalidBody(_) => &problem::INVALID_BODY,
            Self::InvalidParameter(_) => &problem::INVALID_PARAMETER,
            Self::CrossOrigin => &problem::CROSS_ORIGIN,
            Self::CrossSite(_) => &problem::CROSS_SITE,
            Self::UnknownHost => &problem::UNKNOWN_HOST,
            Self::NotFound => &problem::NOT_FOUND,
            Self::MethodNotAllowed(_) => &problem::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => &problem::BODY_TOO_SLOW,
            Self::RateLimited(_) => &problem::RATE_LIMITED,
            Self::BodyTooLarge { .. } => &problem::BODY_TOO_LARGE,
            Self::UnsupportedMediaType(_) => &problem::UNSUPPORTED_MEDIA_TYPE,
            Self::PreconditionRequired => &problem::PRECONDITION_REQUIRED,
            Self::HeaderTooLarge { .. } => &problem::HEADER_TOO_LARGE,
            Self::Database(error) => problem_of_database(error),
            Self::Conflict(_) => &problem::CONFLICT,
            Self::Unguarded | Self::Internal(_) | Self::Foreign(_) => &problem::INTERNAL,
        }
    }

    /// Returns the `detail` of the response. Internal errors are not described; they are in the log.
    pub(crate) fn detail(&self) -> String {
        match self.problem().status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                "The cause is in the service's log. Give the operator the request id in `instance`.".to_owned()
            }
            // The database's own message is never returned.
            _ if matches!(self, Self::Database(_) | Self::Refused(Failure::Database(_)))
                && self.problem().status == StatusCode::BAD_REQUEST =>
            {
                "Remove the NUL character from the text.".to_owned()
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                "The request is not at fault. Send it again after `Retry-After` seconds.".to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// Whether the credential of the request is refused, so that another credential could be accepted. An outage or a missing
    /// permission does not refuse the credential.
    pub(crate) fn refuses_credential(&self) -> bool {
        match self {
            Self::MalformedCredential(_) => true,
            Self::Token(rejection) => !rejection.is_our_outage(),
            Self::Refused(failure) => failure.refuses_credential(),
            _ => false,
        }
    }

    /// Returns the reason for logs and metrics: the problem's code, or a more specific code where one exists.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Token(rejection) => rejection.code(),
            Self::RateLimited(limited) => limited.reason(),
            other => other.problem().code,
        }
    }
}

fn too_large(limit: Option<usize>) -> String {
    match limit {
        Some(limit) => format!("The request body may have at most {limit} bytes."),
        None => "Send a smaller request body: it exceeds the size limit.".to_owned(),
    }
}

fn list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// Sets the status only. The body, the challenge and the request id are added when the response is sent.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.problem().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
