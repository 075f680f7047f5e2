//! The differences between the administration of users and of service accounts.

use crate::database::DbConnection;
use crate::models::{AuditAction, Principal, PrincipalKind};
use crate::repositories::identities;

use crate::services::{Failure, HeldRole, KnownPrincipal};

/// A type of principal that admins manage. The life cycle is shared; this trait holds the differences.
pub trait AccountType: Clone + Send + Sync + 'static {
    /// The view that a read or a change returns.
    type View: Send + 'static;
    /// The stored kind.
    const KIND: PrincipalKind;
    /// The audit actions of its changes.
    const ACTIONS: Actions;

    /// The failure for an unknown id.
    fn unknown() -> Failure;

    /// Builds the view of a principal.
    fn view(conn: &mut DbConnection, known: KnownPrincipal) -> Result<Self::View, Failure>;
}

/// The audit actions of one account type.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    /// The account was disabled.
    pub disable: AuditAction,
    /// The account was enabled.
    pub enable: AuditAction,
    /// The tokens of the account were revoked.
    pub revoke_tokens: AuditAction,
    /// The account was deleted.
    pub delete: AuditAction,
    /// The account was restored.
    pub restore: AuditAction,
}

/// The account type of users.
#[derive(Clone, Copy, Debug)]
pub struct User;

impl AccountType for User {
    type View = KnownPrincipal;
    const KIND: PrincipalKind = PrincipalKind::Human;
    const ACTIONS: Actions = Actions {
        disable: AuditAction::DisableUser,
        enable: AuditAction::EnableUser,
        revoke_tokens: AuditAction::RevokeTokens,
        delete: AuditAction::DeleteUser,
        restore: AuditAction::RestoreUser,
    };

    fn unknown() -> Failure {
        Failure::NoSuchUser
    }

    fn view(_: &mut DbConnection, known: KnownPrincipal) -> Result<KnownPrincipal, Failure> {
        Ok(known)
    }
}

/// The account type of service accounts.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAccounts;

impl AccountType for ServiceAccounts {
    type View = (ServiceAccount, Vec<HeldRole>);
    const KIND: PrincipalKind = PrincipalKind::Machine;
    const ACTIONS: Actions = Actions {
        disable: AuditAction::DisableServiceAccount,
        enable: AuditAction::EnableServiceAccount,
        revoke_tokens: AuditAction::RevokeServiceAccountTokens,
        delete: AuditAction::DeleteServiceAccount,
        restore: AuditAction::RestoreServiceAccount,
    };

    fn unknown() -> Failure {
        Failure::NoSuchServiceAccount
    }

    fn view(conn: &mut DbConnection, known: KnownPrincipal) -> Result<Self::View, Failure> {
        let (principal, roles) = known.into_parts();
        let identity = identities::list(conn, principal.id)?.into_iter().next().ok_or(Failure::NoSuchServiceAccount)?;
        Ok((ServiceAccount { principal, issuer: identity.issuer, client_id: identity.subject }, roles))
    }
}

/// A registered service account.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its principal.
    pub principal: Principal,
    /// The canonical issuer of its tokens.
    pub issuer: String,
    /// The client id at the issuer.
    pub client_id: String,
}
