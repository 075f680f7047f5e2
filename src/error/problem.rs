//! The problem types: the stable code, status and title of each kind of failure.
//!
//! `docs/problems.md` describes each for clients. A test compares it with this list.

use actix_web::http::StatusCode;

/// Namespace of the problem types (RFC 9457 section 3.1.1).
const TYPE_PREFIX: &str = "urn:portcullis:problem:";

/// The type of a problem without a type of its own (RFC 9457 section 4.2.1).
const BLANK: &str = "about:blank";

/// A problem type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
}

impl Problem {
    /// Returns the problem of which only the status is known (RFC 9457 section 4.2.1).
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self { code: BLANK, status, title: status.canonical_reason().unwrap_or("Refused") }
    }

    /// Returns the `type` member of the body.
    pub(crate) fn type_uri(&self) -> String {
        if self.code == BLANK { BLANK.to_owned() } else { format!("{TYPE_PREFIX}{}", self.code) }
    }
}

macro_rules! problems {
    ($($name:ident: $status:ident, $code:literal, $title:literal;)+) => {
        $(pub(crate) const $name: Problem = Problem { code: $code, status: StatusCode::$status, title: $title };)+

        /// All problem types.
        #[cfg(test)]
        pub(crate) const ALL: &[&Problem] = &[$(&$name),+];
    };
}

problems! {
    INVALID_REQUEST: BAD_REQUEST, "invalid-request", "The credential is malformed";
    INVALID_BODY: BAD_REQUEST, "invalid-body", "The request body is invalid";
    INVALID_PARAMETER: BAD_REQUEST, "invalid-parameter", "A parameter is invalid";
    LOGIN_FAILED: BAD_REQUEST, "login-failed", "The sign-in cannot be completed";
    BAD_LOGOUT_TOKEN: BAD_REQUEST, "bad-logout-token", "The logout token is not accepted";
    MISSING_TOKEN: UNAUTHORIZED, "missing-token", "An access token is required";
    INVALID_TOKEN: UNAUTHORIZED, "invalid-token", "The access token is not accepted";
    SESSION_ENDED: UNAUTHORIZED, "session-ended", "The session has ended";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope", "The access token lacks a scope";
    REQUIREMENT_UNMET: FORBIDDEN, "requirement-unmet", "The access token does not meet a requirement of this service";
    MISSING_PERMISSION: FORBIDDEN, "missing-permission", "Your roles do not allow this";
    PRINCIPAL_DISABLED: FORBIDDEN, "principal-disabled", "This account is disabled";
    PRINCIPAL_PENDING: FORBIDDEN, "principal-pending", "This account is awaiting approval";
    PRINCIPAL_DELETED: FORBIDDEN, "principal-deleted", "This account was deleted";
    UNKNOWN_PRINCIPAL: FORBIDDEN, "unknown-principal", "This account is unknown";
    NOT_A_PERSON: FORBIDDEN, "not-a-person", "Only available to users";
    ABOVE_YOUR_RIGHTS: FORBIDDEN, "above-your-rights", "You do not hold all affected permissions";
    OWN_RIGHTS: FORBIDDEN, "own-rights", "You cannot extend your own rights";
    OWN_IDENTITY: FORBIDDEN, "own-identity", "You cannot link an identity to yourself";
    CROSS_ORIGIN: FORBIDDEN, "cross-origin", "The cross-origin request is not allowed";
    CROSS_SITE: FORBIDDEN, "cross-site-request", "The cross-site request is not allowed";
    SESSIONS_OFF: NOT_FOUND, "sessions-off", "Browser sign-in is not enabled";
    NOT_FOUND: NOT_FOUND, "not-found", "Not found";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed";
    BODY_TOO_SLOW: REQUEST_TIMEOUT, "body-too-slow", "The request body was not received in time";
    CONFLICT: CONFLICT, "conflict", "The resource already exists";
    LAST_ADMIN: CONFLICT, "last-admin", "The last administrator must remain";
    ROLE_GRANTED: CONFLICT, "role-granted", "The role is assigned";
    BUILT_IN_ROLE: CONFLICT, "built-in-role", "The role is built in";
    LAST_IDENTITY: CONFLICT, "last-identity", "The last identity must remain";
    TOMBSTONED: CONFLICT, "tombstoned", "The identity belongs to a purged user";
    STALE_VERSION: PRECONDITION_FAILED, "stale-version", "The resource has been modified";
    BODY_TOO_LARGE: PAYLOAD_TOO_LARGE, "body-too-large", "The request body is too large";
    UNSUPPORTED_MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The media type is not supported";
    UNKNOWN_HOST: MISDIRECTED_REQUEST, "unknown-host", "The host name is unknown";
    KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The idempotency key was used for another request";
    PRECONDITION_REQUIRED: PRECONDITION_REQUIRED, "precondition-required", "A precondition is required";
    RATE_LIMITED: TOO_MANY_REQUESTS, "rate-limited", "Too many requests";
    HEADER_TOO_LARGE: REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", "A header field is too large";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "Internal error";
    KEYS_UNAVAILABLE: SERVICE_UNAVAILABLE, "keys-unavailable", "Access tokens cannot be verified at the moment";
    INTROSPECTION_UNAVAILABLE: SERVICE_UNAVAILABLE, "introspection-unavailable", "Token introspection is unavailable at the moment";
    PROVIDER_UNAVAILABLE: SERVICE_UNAVAILABLE, "provider-unavailable", "Sign-in is unavailable at the moment";
    DATABASE_UNAVAILABLE: SERVICE_UNAVAILABLE, "database-unavailable", "The database is unavailable at the moment";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = ALL.iter().map(|problem| problem.code).collect();
        assert_eq!(codes.len(), ALL.len());
    }

    #[test]
    fn documentation_lists_exactly_the_problem_types() {
        let documented: Vec<&str> =
            include_str!("../../docs/problems.md").lines().filter(|line| line.starts_with("| `")).collect();
        for problem in ALL {
            let row = format!("| `{}` | {} | {} |", problem.code, problem.status.as_u16(), problem.title);
            assert!(documented.iter().any(|line| line.starts_with(&row)), "docs/problems.md lacks {row}");
        }
        assert_eq!(documented.len(), ALL.len(), "docs/problems.md has rows for unknown problem types");
    }
}
