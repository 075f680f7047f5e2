//! The list of problems: every way in which a request can fail, with its stable code, its status and its title.
//!
//! `docs/problems.md` explains each to the caller and is tested against this list.

use actix_web::http::StatusCode;

/// Namespace of the problem types (RFC 9457 section 3.1.1).
const TYPE_PREFIX: &str = "urn:portcullis:problem:";

/// The type of problems that have none (RFC 9457 section 4.2.1).
const BLANK: &str = "about:blank";

/// One kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
}

impl Problem {
    /// A problem of which no more is known than its status (RFC 9457 section 4.2.1).
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self { code: BLANK, status, title: status.canonical_reason().unwrap_or("Refused") }
    }

    /// The `type` member of the body.
    pub(crate) fn type_uri(&self) -> String {
        if self.code == BLANK { BLANK.to_owned() } else { format!("{TYPE_PREFIX}{}", self.code) }
    }
}

macro_rules! problems {
    ($($name:ident: $status:ident, $code:literal, $title:literal;)+) => {
        $(pub(crate) const $name: Problem = Problem { code: $code, status: StatusCode::$status, title: $title };)+

        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Problem] = &[$(&$name),+];
    };
}

problems! {
    INVALID_REQUEST: BAD_REQUEST, "invalid-request", "The credential is malformed";
    INVALID_BODY: BAD_REQUEST, "invalid-body", "The body can't be used";
    INVALID_PARAMETER: BAD_REQUEST, "invalid-parameter", "A parameter can't be used";
    LOGIN_FAILED: BAD_REQUEST, "login-failed", "The sign-in can't be completed";
    BAD_LOGOUT_TOKEN: BAD_REQUEST, "bad-logout-token", "The logout token is not accepted";
    MISSING_TOKEN: UNAUTHORIZED, "missing-token", "An access token is needed";
    INVALID_TOKEN: UNAUTHORIZED, "invalid-token", "The access token is not accepted";
    SESSION_ENDED: UNAUTHORIZED, "session-ended", "The session has ended";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope", "The access token lacks a scope";
    REQUIREMENT_UNMET: FORBIDDEN, "requirement-unmet", "The access token does not meet a requirement of this service";
    MISSING_PERMISSION: FORBIDDEN, "missing-permission", "Your roles do not allow this";
    PRINCIPAL_DISABLED: FORBIDDEN, "principal-disabled", "This account is disabled";
    PRINCIPAL_PENDING: FORBIDDEN, "principal-pending", "This account waits for approval";
    PRINCIPAL_DELETED: FORBIDDEN, "principal-deleted", "This account was deleted";
    UNKNOWN_PRINCIPAL: FORBIDDEN, "unknown-principal", "This account is not known here";
    NOT_A_PERSON: FORBIDDEN, "not-a-person", "This is for people";
    ABOVE_YOUR_RIGHTS: FORBIDDEN, "above-your-rights", "You do not hold all affected permissions";
    OWN_RIGHTS: FORBIDDEN, "own-rights", "You cannot extend your own rights";
    OWN_IDENTITY: FORBIDDEN, "own-identity", "You cannot link an identity to yourself";
    CROSS_ORIGIN: FORBIDDEN, "cross-origin", "Pages of this origin may not send this";
    CROSS_SITE: FORBIDDEN, "cross-site-request", "The request does not come from a page that may act here";
    SESSIONS_OFF: NOT_FOUND, "sessions-off", "Nobody signs in here";
    NOT_FOUND: NOT_FOUND, "not-found", "There is nothing here";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here";
    BODY_TOO_SLOW: REQUEST_TIMEOUT, "body-too-slow", "The body comes too slowly";
    CONFLICT: CONFLICT, "conflict", "This exists already";
    LAST_ADMIN: CONFLICT, "last-admin", "The last administrator has to stay";
    ROLE_GRANTED: CONFLICT, "role-granted", "The role is granted";
    BUILT_IN_ROLE: CONFLICT, "built-in-role", "The role is built in";
    LAST_IDENTITY: CONFLICT, "last-identity", "The last identity has to stay";
    TOMBSTONED: CONFLICT, "tombstoned", "Somebody with this identity was deleted for good";
    STALE_VERSION: PRECONDITION_FAILED, "stale-version", "It has changed since you read it";
    BODY_TOO_LARGE: PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    UNSUPPORTED_MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's media type is not supported";
    KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "This idempotency key belongs to another request";
    PRECONDITION_REQUIRED: PRECONDITION_REQUIRED, "precondition-required", "Say which version you change";
    RATE_LIMITED: TOO_MANY_REQUESTS, "rate-limited", "Too many requests";
    HEADER_TOO_LARGE: REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", "A header field is too large";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "Something went wrong here";
    KEYS_UNAVAILABLE: SERVICE_UNAVAILABLE, "keys-unavailable", "Access tokens can't be checked at the moment";
    INTROSPECTION_UNAVAILABLE: SERVICE_UNAVAILABLE, "introspection-unavailable", "The identity provider can't be asked at the moment";
    PROVIDER_UNAVAILABLE: SERVICE_UNAVAILABLE, "provider-unavailable", "Nobody can sign in at the moment";
    DATABASE_UNAVAILABLE: SERVICE_UNAVAILABLE, "database-unavailable", "The database can't be reached at the moment";
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
    fn the_documentation_lists_every_problem_and_no_other() {
        let documented: Vec<&str> =
            include_str!("../../docs/problems.md").lines().filter(|line| line.starts_with("| `")).collect();
        for problem in ALL {
            let row = format!("| `{}` | {} | {} |", problem.code, problem.status.as_u16(), problem.title);
            assert!(documented.iter().any(|line| line.starts_with(&row)), "docs/problems.md lacks {row}");
        }
        assert_eq!(documented.len(), ALL.len(), "docs/problems.md has rows that are no problem of ours");
    }
}
