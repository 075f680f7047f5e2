//! Why a use case did not succeed, in the words of the domain.

use crate::database::DatabaseError;
use crate::oidc::Rejection;

/// A use case that did not succeed. Each variant says whose turn it is to do something about it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Ours: the database is out of reach or refused a statement. Never blamed on the caller.
    #[error("the database did not answer")]
    Database(#[source] DatabaseError),

    /// Ours: the system has no randomness to make a key of.
    #[error("no key could be made")]
    NoRandomness,

    /// An admin's: nobody is registered under the token's issuer, kind and subject.
    #[error("Nobody is known here by this token's issuer and subject. Ask an administrator to add the account.")]
    UnknownPrincipal,
    /// An admin's: the token is a program's, and programs are registered before their first token counts.
    #[error(
        "This program is not registered here. Ask an administrator to register the token's issuer (`iss`) and client id \
         (`azp` or `client_id`) as a service account."
    )]
    UnregisteredProgram,
    /// The caller's: what it asks for is a person's, and it is a program.
    #[error("This is for people: a program is described by the administrator who registered it.")]
    NotAPerson,
    /// An admin's: the principal is shut out, or its account has ended.
    #[error("the account is disabled")]
    PrincipalDisabled,
    /// An admin's: the principal waits to be let in.
    #[error("the account waits for an admin's approval")]
    PrincipalPending,
    /// Nobody's: the principal was deleted.
    #[error("the account was deleted")]
    PrincipalDeleted,
    /// The caller's: the token was issued before the principal's tokens were revoked. A new sign-in helps.
    #[error("the token was revoked")]
    TokenRevoked,

    /// The caller's: the session of the cookie has ended, or there never was one. A new sign-in helps.
    #[error("Your session has ended: sign in again.")]
    SessionEnded,
    /// An operator's: nobody signs in here with a browser.
    #[error("Nobody signs in here: no client is configured for it.")]
    SessionsOff,
    /// The caller's: what came back from the provider is not the answer to what this browser asked, or the provider refuses it.
    #[error("This is not the answer to a sign-in that this browser began, or that is over: sign in again.")]
    LoginFailed,
    /// The provider's: a token that came of the sign-in does not pass, or lacks what the operator demands.
    #[error("what the identity provider says of you is not acceptable: {0}")]
    BadLogin(#[source] Rejection),
    /// Nobody's here: the provider is out of reach, or refuses this service.
    #[error("the identity provider could not be asked")]
    ProviderUnavailable,
    /// The provider's: the logout token does not pass.
    #[error("the logout token is not acceptable: {0}")]
    BadLogoutToken(#[source] Rejection),

    /// The caller's: there is no such user, or the id is that of a program.
    #[error("there is no such user")]
    NoSuchUser,
    /// The caller's: the user has no such identity.
    #[error("the user has no such identity")]
    NoSuchIdentity,
    /// The caller's: there is no such service account, or the id is that of a person.
    #[error("there is no such service account")]
    NoSuchServiceAccount,
    /// The caller's: there is no such role.
    #[error("there is no such role")]
    NoSuchRole,
    /// The caller's: the change would give or affect permissions that no role of the actor grants.
    #[error("The change affects permissions that none of your roles grants: {}.", quoted(.missing))]
    InsufficientPrivilege {
        /// The permissions that the actor lacks, in the order of their names.
        missing: Vec<&'static str>,
    },
    /// The caller's: the change would give or affect permissions that the actor's roles grant and its token does not delegate.
    #[error("The change needs scopes that the access token does not carry: {}. Ask the provider for them.", quoted(.missing))]
    InsufficientScope {
        /// The permissions that are not delegated, in the order of their names.
        missing: Vec<&'static str>,
        /// The same as the issuer of the token spells them.
        spelled: Vec<String>,
    },
    /// The caller's: the change would add to the actor's own rights, or prolong them.
    #[error("You cannot add to your own rights or prolong them. Ask another administrator.")]
    OwnRights,
    /// The caller's: the last admin cannot be shut out, demoted or given an end.
    #[error("this is the last admin; make another one first")]
    LastAdmin,
    /// The caller's: a role cannot be deleted while somebody holds it.
    #[error("the role is granted to {count} principals; take it from them, or ask to force it")]
    RoleGranted {
        /// How many hold it.
        count: i64,
    },
    /// The caller's: a role that came with the service cannot be changed so.
    #[error("the role is built in: {reason}")]
    BuiltInRole {
        /// Why not.
        reason: &'static str,
    },
    /// The caller's: without an identity nobody could come in as this user.
    #[error("this is the last identity; link another one first, or delete the user")]
    LastIdentity,
    /// The caller's: who could link an identity to themselves could keep a way in that nobody gave them.
    #[error("You cannot link an identity to yourself. Ask another administrator.")]
    OwnIdentity,
    /// An admin's: the identity is that of somebody who was purged, and stays out until an admin lifts that.
    #[error("the identity is that of somebody who was deleted for good; readmit it first")]
    Tombstoned,
    /// The caller's: the idempotency key was sent before, with another request.
    #[error("this `Idempotency-Key` came with another request before; a new request needs a new key")]
    KeyReused,
    /// The caller's: the resource has changed since the version that the caller knows.
    #[error("the resource was changed meanwhile; read it again")]
    StaleVersion,
    /// The caller's: another resource has this value.
    #[error("{field} is taken")]
    Conflict {
        /// The member that must differ.
        field: &'static str,
    },
    /// The caller's: a value cannot be accepted. The value itself is not repeated.
    #[error("{field} {reason}")]
    Invalid {
        /// The member at fault.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Failure {
    /// Whether it refuses the credential that was presented: what stands for a person or a program, whichever kind it is.
    pub fn refuses_credential(&self) -> bool {
        match self {
            Self::UnknownPrincipal
            | Self::UnregisteredProgram
            | Self::PrincipalDisabled
            | Self::PrincipalPending
            | Self::PrincipalDeleted
            | Self::TokenRevoked
            | Self::SessionEnded
            | Self::LoginFailed => true,
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
