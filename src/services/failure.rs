//! Why a use case failed, in the terms of the domain.

use crate::database::DatabaseError;
use crate::oidc::Rejection;

/// The failure of a use case. [`owner`](Self::owner) is the party that can resolve it.
///
/// The texts are the `detail` of a problem: sentences. [`Database`](Self::Database), [`NoRandomness`](Self::NoRandomness) and
/// [`Serialization`](Self::Serialization) reach the log and the terminal alone, so theirs are fragments.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database is unreachable or refused a statement. Never blamed on the caller.
    #[error("the database request failed")]
    Database(#[source] DatabaseError),

    /// The system has no randomness for a key.
    #[error("failed to generate a random key")]
    NoRandomness,

    /// A value could not be serialized for storage.
    #[error("failed to serialize a value of a session")]
    Serialization(#[source] serde_json::Error),

    /// No user has the issuer and subject of the token.
    #[error("No account is registered for this token's issuer and subject. Ask an administrator to add it.")]
    UnknownPrincipal,
    /// The token belongs to a program that is not registered as a service account.
    #[error(
        "This service account is not registered. Ask an administrator to register the token's issuer (`iss`) and \
         client id (`azp` or `client_id`)."
    )]
    UnregisteredProgram,
    /// The operation is for users, and the caller is a service account.
    #[error("This operation is for users. A service account is edited by an administrator.")]
    NotAPerson,
    /// The principal is disabled, or its account has expired.
    #[error("The account is disabled or has expired. Ask an administrator.")]
    PrincipalDisabled,
    /// The principal is pending.
    #[error("The account is waiting for approval. Ask an administrator.")]
    PrincipalPending,
    /// The principal was deleted.
    #[error("The account was deleted. Ask an administrator.")]
    PrincipalDeleted,
    /// The token was issued before the principal's tokens were revoked. A new sign-in resolves it.
    #[error("The token was revoked. Request a new one.")]
    TokenRevoked,

    /// The session of the cookie has ended or never existed. A new sign-in resolves it.
    #[error("Your session has ended. Sign in again.")]
    SessionEnded,
    /// Browser sign-in is not enabled.
    #[error("No client is configured for browser sign-in. Ask the operator of this service.")]
    SessionsOff,
    /// The callback does not answer a sign-in that this browser started, or the provider refused it.
    #[error("The response does not match a sign-in of this browser, or the sign-in has expired. Sign in again.")]
    LoginFailed,
    /// The sign-out at the provider does not follow a sign-out here.
    #[error("This browser has not just signed out. Sign out with `POST /auth/logout` first.")]
    NotSignedOut,
    /// A token of the sign-in is not valid, or does not meet a requirement of the operator.
    #[error("A token from the identity provider was rejected. {0}")]
    BadLogin(#[source] Rejection),
    /// It is unreachable, or refuses this service.
    #[error("The identity provider is unavailable. Try again later.")]
    ProviderUnavailable,
    /// The logout token is not valid.
    #[error("The logout token was rejected. {0}")]
    BadLogoutToken(#[source] Rejection),

    /// The user does not exist, or the id is a service account's.
    #[error("The user does not exist.")]
    NoSuchUser,
    /// The user does not have this identity.
    #[error("The user does not have this identity.")]
    NoSuchIdentity,
    /// The service account does not exist, or the id is a user's.
    #[error("The service account does not exist.")]
    NoSuchServiceAccount,
    /// The role does not exist.
    #[error("The role does not exist.")]
    NoSuchRole,
    /// The change would give or affect permissions that no role of the actor grants.
    #[error("The change affects permissions that none of your roles grants: {}.", quoted(.missing))]
    InsufficientPrivilege {
        /// The permissions that the actor lacks, in the order of their names.
        missing: Vec<&'static str>,
    },
    /// The change would give or affect permissions that the actor's roles grant and its token does not delegate.
    #[error("The change needs scopes that the access token does not carry: {}. Ask the provider for them.", quoted(.missing))]
    InsufficientScope {
        /// The permissions that are not delegated, in the order of their names.
        missing: Vec<&'static str>,
        /// The same permissions as the issuer of the token spells them.
        spelled: Vec<String>,
    },
    /// The change would extend or prolong the actor's own rights.
    #[error("You cannot add to your own rights or prolong them. Ask another administrator.")]
    OwnRights,
    /// The last administrator cannot be disabled, demoted or given an expiry.
    #[error("This is the last administrator. Make another user an administrator first.")]
    LastAdmin,
    /// An assigned role is deleted only by force.
    #[error("{}", role_is_assigned(*.count))]
    RoleGranted {
        /// The number of principals that hold the role.
        count: i64,
    },
    /// A built-in role does not allow this change.
    #[error("The role is built in: {reason}.")]
    BuiltInRole {
        /// Why not, as a clause without a full stop.
        reason: &'static str,
    },
    /// Without an identity the user could not sign in.
    #[error("This is the user's last identity. Link another one first, or delete the user.")]
    LastIdentity,
    /// Users who could link identities to themselves could keep access that no administrator gave them.
    #[error("You cannot link an identity to yourself. Ask another administrator.")]
    OwnIdentity,
    /// The identity belongs to a purged user, and stays blocked until an administrator readmits it.
    #[error("The identity belongs to a user who was permanently deleted. Readmit the identity first.")]
    Tombstoned,
    /// The idempotency key was sent with another request before.
    #[error("This `Idempotency-Key` was used for another request. Send a new key.")]
    KeyReused,
    /// The resource is not at the version that the caller knows.
    #[error("The resource has been modified since you read it. Read it again and repeat the change.")]
    StaleVersion,
    /// Another resource has this value.
    #[error("`{field}` is already in use.")]
    Conflict {
        /// The member that must be unique.
        field: &'static str,
    },
    /// A value is not valid. The value itself is not repeated.
    #[error("`{field}` {reason}.")]
    Invalid {
        /// The invalid member.
        field: &'static str,
        /// What it must be, as the rest of a sentence: "must be in the future".
        reason: &'static str,
    },
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn role_is_assigned(count: i64) -> String {
    match count {
        1 => "The role is assigned to 1 principal. Remove the assignment or use `?force=true`.".to_owned(),
        _ => format!("The role is assigned to {count} principals. Remove the assignments or use `?force=true`."),
    }
}

/// The party that can resolve a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The client: by another request, another token or a new sign-in.
    Caller,
    /// An administrator of this service.
    Administrator,
    /// The operator of this service, by its settings.
    Operator,
    /// The identity provider, which is unavailable or refuses this service.
    Provider,
    /// This service or its database.
    Service,
}

impl Owner {
    /// Whether the failure is an outage on our side, which is never blamed on the caller: the status is a server error.
    pub const fn is_our_outage(self) -> bool {
        matches!(self, Self::Provider | Self::Service)
    }
}

impl Failure {
    /// Returns the party that can resolve the failure.
    pub fn owner(&self) -> Owner {
        match self {
            // The caller sent the character that no database stores.
            Self::Database(error) if error.is_about_nul() => Owner::Caller,
            Self::Database(_) | Self::NoRandomness | Self::Serialization(_) => Owner::Service,
            Self::ProviderUnavailable => Owner::Provider,
            Self::BadLogin(rejection) | Self::BadLogoutToken(rejection) if rejection.is_our_outage() => Owner::Provider,
            Self::SessionsOff => Owner::Operator,
            Self::UnknownPrincipal
            | Self::UnregisteredProgram
            | Self::PrincipalDisabled
            | Self::PrincipalPending
            | Self::PrincipalDeleted
            | Self::Tombstoned => Owner::Administrator,
            Self::NotAPerson
            | Self::TokenRevoked
            | Self::SessionEnded
            | Self::LoginFailed
            | Self::NotSignedOut
            | Self::BadLogin(_)
            | Self::BadLogoutToken(_)
            | Self::NoSuchUser
            | Self::NoSuchIdentity
            | Self::NoSuchServiceAccount
            | Self::NoSuchRole
            | Self::InsufficientPrivilege { .. }
            | Self::InsufficientScope { .. }
            | Self::OwnRights
            | Self::LastAdmin
            | Self::RoleGranted { .. }
            | Self::BuiltInRole { .. }
            | Self::LastIdentity
            | Self::OwnIdentity
            | Self::KeyReused
            | Self::StaleVersion
            | Self::Conflict { .. }
            | Self::Invalid { .. } => Owner::Caller,
        }
    }

    /// Whether the failure refuses the presented credential, of whatever kind: a token, a cookie or a callback.
    pub fn refuses_credential(&self) -> bool {
        match self {
            Self::UnknownPrincipal
            | Self::UnregisteredProgram
            | Self::PrincipalDisabled
            | Self::PrincipalPending
            | Self::PrincipalDeleted
            | Self::TokenRevoked
            | Self::SessionEnded
            | Self::LoginFailed
            | Self::NotSignedOut => true,
            Self::BadLogin(rejection) | Self::BadLogoutToken(rejection) => !rejection.is_our_outage(),
            _ => false,
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}
