//! Every way in which a request fails, and what is said of it: the only room that knows status codes.
//!
//! A failure keeps its cause for the log; the caller is told the problem's title, a sentence that lets them act, and the request's id.
//! Nothing from a token, a statement or a provider is repeated.

mod body;
mod input;
mod limited;
pub(crate) mod problem;

pub(crate) use body::{PROBLEM_MEDIA_TYPE, ProblemBody, answer_for};
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

/// A request failed. Returned by handlers; answered as `application/problem+json` (RFC 9457).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 401: the request came without a bearer token.
    #[error("Send an access token of the identity provider as `Authorization: Bearer`.")]
    MissingToken,
    /// 400: the credential can't be read.
    #[error("{0}")]
    MalformedCredential(&'static str),
    /// 401 for a token that is not acceptable; 403 if it is proved but lacks what the operator demands; 503 if it could not be judged.
    #[error(transparent)]
    Token(#[from] Rejection),
    /// 403: the token does not carry the scope.
    #[error("The access token does not carry the scope for `{}`: ask the provider for it.", .permission.name())]
    MissingScope {
        /// What the route asks for.
        permission: Permission,
        /// The scope as the token's issuer spells it.
        scope: String,
    },
    /// 403: no role of the principal grants the permission.
    #[error("None of your roles grants `{}`: ask an administrator.", .0.name())]
    MissingPermission(Permission),
    /// What the use case refused.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// 400: the body is not what the operation takes; the sentence says what it takes and repeats nothing.
    #[error("{0}")]
    InvalidBody(String),
    /// 400: a part of the path or the query is not what the operation takes.
    #[error("{0}")]
    InvalidParameter(String),
    /// 403: a browser asked for a page what no page may, or none of its origin.
    #[error(
        "Only pages of origins in CORS_ALLOWED_ORIGINS may send requests, with the usual methods and header fields."
    )]
    CrossOrigin,
    /// 403: a change by cookie that does not come from a page of ours.
    #[error(
        "A change by cookie needs `X-Requested-With`, and an `Origin` that is this service's or one of SESSION_ALLOWED_ORIGINS."
    )]
    CrossSite,
    /// 404: nothing is here, or it is not the caller's.
    #[error("Look at /openapi.json for what there is.")]
    NotFound,
    /// 405, with the methods that are allowed.
    #[error("Allowed are: {}.", list(.0))]
    MethodNotAllowed(Vec<Method>),
    /// 413: the body is larger than the service reads.
    #[error("{}", too_large(*.limit))]
    BodyTooLarge {
        /// Bytes, where that is known.
        limit: Option<usize>,
    },
    /// 415: the body is of a type that the operation does not take.
    #[error("The body must be `{0}`.")]
    UnsupportedMediaType(&'static str),
    /// 428: a change without `If-Match` could undo somebody else's (RFC 6585 section 3).
    #[error("Send the ETag that you read as `If-Match`.")]
    PreconditionRequired,
    /// 408: the body did not come in time.
    #[error("The body did not come in time.")]
    BodyTooSlow,
    /// 429: asked too often; says for whom, and how long to wait.
    #[error("Too many {}: the next one is served in {} s.", .0.of_what(), .0.wait)]
    RateLimited(Limited),
    /// 431: a header field is larger than the service reads.
    #[error("A header field may have at most {limit} bytes.")]
    HeaderTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// A refusal with this status by something that does not answer in our words.
    #[error("The request was refused.")]
    Foreign(StatusCode),
    /// 409: what is to be made exists, or stands in the way; the sentence says what.
    #[error("{0}")]
    Conflict(String),
    /// 503 while the database can't be reached, else 500.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// 500: a handler asked for the caller on a route that was registered as public.
    #[error("the caller was asked for on a route without a guard")]
    Unguarded,
    /// 500: anything that should not happen; the cause is logged and not shown.
    #[error("unexpected failure")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<&actix_web::Error> for Error {
    /// What a library, or a handler with another error type, answers in our words: its status, and its text for the log alone.
    fn from(error: &actix_web::Error) -> Self {
        if error.as_error::<PayloadError>().is_some_and(input::is_too_slow) {
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
    /// The entry in the list of problems.
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
            Self::CrossSite => &problem::CROSS_SITE,
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

    /// The sentence for the caller. Of our own mistakes it says nothing but that they are logged.
    pub(crate) fn detail(&self) -> String {
        match self.problem().status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                "The cause is in the service's log under this request's id.".to_owned()
            }
            // The database's own words are not for the caller.
            _ if matches!(self, Self::Database(_) | Self::Refused(Failure::Database(_)))
                && self.problem().status == StatusCode::BAD_REQUEST =>
            {
                "No text may hold the character NUL.".to_owned()
            }
            StatusCode::SERVICE_UNAVAILABLE => "It is not your request's fault: send it again later.".to_owned(),
            _ => self.to_string(),
        }
    }

    /// Whether it refuses the credential that the request came with, so that another one might be let in. An outage does not, and
    /// neither does a right that is missing.
    pub(crate) fn refuses_credential(&self) -> bool {
        match self {
            Self::MalformedCredential(_) => true,
            Self::Token(rejection) => !rejection.is_our_outage(),
            Self::Refused(failure) => failure.refuses_credential(),
            _ => false,
        }
    }

    /// The reason for the log and for counting, finer than the problem's code where that says too little.
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
        Some(limit) => format!("The body may have at most {limit} bytes."),
        None => "The body is larger than what is read.".to_owned(),
    }
}

fn problem_of(failure: &Failure) -> &'static Problem {
    match failure {
        Failure::UnknownPrincipal | Failure::UnregisteredProgram => &problem::UNKNOWN_PRINCIPAL,
        Failure::NotAPerson => &problem::NOT_A_PERSON,
        Failure::PrincipalDisabled => &problem::PRINCIPAL_DISABLED,
        Failure::PrincipalPending => &problem::PRINCIPAL_PENDING,
        Failure::PrincipalDeleted => &problem::PRINCIPAL_DELETED,
        Failure::TokenRevoked => &problem::INVALID_TOKEN,
        Failure::InsufficientPrivilege { .. } => &problem::ABOVE_YOUR_RIGHTS,
        Failure::InsufficientScope { .. } => &problem::INSUFFICIENT_SCOPE,
        Failure::OwnRights => &problem::OWN_RIGHTS,
        Failure::NoSuchUser | Failure::NoSuchIdentity | Failure::NoSuchServiceAccount | Failure::NoSuchRole => {
            &problem::NOT_FOUND
        }
        Failure::Conflict { .. } => &problem::CONFLICT,
        Failure::LastIdentity => &problem::LAST_IDENTITY,
        Failure::OwnIdentity => &problem::OWN_IDENTITY,
        Failure::Tombstoned => &problem::TOMBSTONED,
        Failure::KeyReused => &problem::KEY_REUSED,
        Failure::LastAdmin => &problem::LAST_ADMIN,
        Failure::RoleGranted { .. } => &problem::ROLE_GRANTED,
        Failure::BuiltInRole { .. } => &problem::BUILT_IN_ROLE,
        Failure::StaleVersion => &problem::STALE_VERSION,
        Failure::Invalid { .. } => &problem::INVALID_BODY,
        Failure::SessionEnded => &problem::SESSION_ENDED,
        Failure::SessionsOff => &problem::SESSIONS_OFF,
        Failure::BadLogin(rejection) if rejection.is_our_outage() => &problem::PROVIDER_UNAVAILABLE,
        Failure::BadLogin(Rejection::RequirementUnmet(_)) => &problem::REQUIREMENT_UNMET,
        Failure::LoginFailed | Failure::BadLogin(_) => &problem::LOGIN_FAILED,
        Failure::ProviderUnavailable => &problem::PROVIDER_UNAVAILABLE,
        Failure::BadLogoutToken(rejection) if rejection.is_our_outage() => &problem::KEYS_UNAVAILABLE,
        Failure::BadLogoutToken(_) => &problem::BAD_LOGOUT_TOKEN,
        Failure::NoRandomness => &problem::INTERNAL,
        Failure::Database(error) => problem_of_database(error),
    }
}

fn problem_of_database(error: &DatabaseError) -> &'static Problem {
    match error {
        DatabaseError::Unavailable(_) => &problem::DATABASE_UNAVAILABLE,
        error if error.is_about_nul() => &problem::INVALID_BODY,
        _ => &problem::INTERNAL,
    }
}

fn list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

/// The status alone: the body, the challenge and the request's id are added where the response leaves.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.problem().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
