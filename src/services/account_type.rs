//! What people and programs differ in, as far as their administration goes.

use crate::database::DbConnection;
use crate::models::{AuditAction, PrincipalKind};
use crate::repositories::identities;

use super::{Failure, HeldRole, KnownPrincipal, ServiceAccount};

/// A kind of principals that admins manage. The life cycle is the same for all; what differs is here.
pub trait AccountType: Clone + Send + Sync + 'static {
    /// What is shown of one after a change.
    type View: Send + 'static;
    /// The kind as it is stored.
    const KIND: PrincipalKind;
    /// What its changes are called in the audit trail.
    const ACTIONS: Actions;

    /// What it is called when there is none of an id.
    fn unknown() -> Failure;

    /// Adds to a principal what is shown of this kind besides.
    fn view(conn: &mut DbConnection, known: KnownPrincipal) -> Result<Self::View, Failure>;
}

/// The names of a kind's changes in the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    /// It was shut out.
    pub disable: AuditAction,
    /// It was let in.
    pub enable: AuditAction,
    /// Its tokens were declared void.
    pub revoke_tokens: AuditAction,
    /// It was deleted.
    pub delete: AuditAction,
    /// It was restored.
    pub restore: AuditAction,
}

/// People.
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

/// Programs.
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
