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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_server_error_exactly_for_an_outage_on_our_side() {
        for failure in [
            Failure::Database(DatabaseError::Unavailable("gone".into())),
            Failure::NoRandomness,
            Failure::Serialization(serde_json::from_str::<u8>("").unwrap_err()),
            Failure::ProviderUnavailable,
            Failure::BadLogin(Rejection::KeysUnavailable),
            Failure::BadLogin(Rejection::Expired),
            Failure::BadLogin(Rejection::RequirementUnmet("No.".into())),
            Failure::BadLogoutToken(Rejection::KeysUnavailable),
            Failure::BadLogoutToken(Rejection::NotALogoutToken),
            Failure::SessionsOff,
            Failure::UnknownPrincipal,
            Failure::UnregisteredProgram,
            Failure::PrincipalDisabled,
            Failure::PrincipalPending,
            Failure::PrincipalDeleted,
            Failure::Tombstoned,
            Failure::NotAPerson,
            Failure::TokenRevoked,
            Failure::SessionEnded,
            Failure::LoginFailed,
            Failure::NotSignedOut,
            Failure::NoSuchUser,
            Failure::NoSuchIdentity,
            Failure::NoSuchServiceAccount,
            Failure::NoSuchRole,
            Failure::InsufficientPrivilege { missing: Vec::new() },
            Failure::InsufficientScope { missing: Vec::new(), spelled: Vec::new() },
            Failure::OwnRights,
            Failure::LastAdmin,
            Failure::RoleGranted { count: 1 },
            Failure::BuiltInRole { reason: "it is" },
            Failure::LastIdentity,
            Failure::OwnIdentity,
            Failure::KeyReused,
            Failure::StaleVersion,
            Failure::Conflict { field: "email" },
            Failure::Invalid { field: "email", reason: "must be valid" },
        ] {
            let is_server_error = problem_of(&failure).status.is_server_error();
            assert_eq!(is_server_error, failure.owner().is_our_outage(), "{failure:?}");
        }
    }
}
