//! The problem of each failure of a use case.

use super::problem::{self, Problem};
use crate::database::DatabaseError;
use crate::oidc::Rejection;
use crate::services::Failure;

pub(super) fn problem_of(failure: &Failure) -> &'static Problem {
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
        Failure::LoginFailed | Failure::NotSignedOut | Failure::BadLogin(_) => &problem::LOGIN_FAILED,
        Failure::ProviderUnavailable => &problem::PROVIDER_UNAVAILABLE,
        Failure::BadLogoutToken(rejection) if rejection.is_our_outage() => &problem::KEYS_UNAVAILABLE,
        Failure::BadLogoutToken(_) => &problem::BAD_LOGOUT_TOKEN,
        Failure::NoRandomness | Failure::Serialization(_) => &problem::INTERNAL,
        Failure::Database(error) => problem_of_database(error),
    }
}

pub(super) fn problem_of_database(error: &DatabaseError) -> &'static Problem {
    match error {
        DatabaseError::Unavailable(_) => &problem::DATABASE_UNAVAILABLE,
        error if error.is_about_nul() => &problem::INVALID_BODY,
        _ => &problem::INTERNAL,
    }
}
