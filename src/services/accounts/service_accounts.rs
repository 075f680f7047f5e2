//! Service accounts. An admin registers them by issuer and client id before their first request; a token never creates one.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::database::DbConnection;
use crate::models::permission::DeclaredPermissions;
use crate::models::{
    AuditAction, AuditTarget, Identity, IdentityKey, Moment, Origin, Principal, PrincipalId, PrincipalKind,
    PrincipalStatus, ProfileField,
};
use crate::repositories::{audit_events, grants, principals};
use crate::text::name::is_plain_line;

use super::Accounts;
use super::account_type::{ServiceAccount, ServiceAccounts};
use super::new_principal::{self, grant};
use super::principal_edit::{Change, combined};
use crate::services::{Actor, Failure, HeldRole, Once, Page, StoredResponse, known_issuers, refusal, text};

/// A service account to register.
#[derive(Clone, Debug)]
pub struct NewServiceAccount {
    /// The canonical issuer of its tokens.
    pub issuer: String,
    /// The client id at the issuer.
    pub client_id: String,
    /// The display name.
    pub display_name: String,
    /// The roles to grant.
    pub roles: BTreeSet<String>,
}

/// A change of a service account. A member that is `None` stays unchanged.
#[derive(Clone, Debug, Default)]
pub struct ServiceAccountEdit {
    /// The new display name; `Some(None)` clears it.
    pub display_name: Option<Option<String>>,
    /// The new expiry of the account; `Some(None)` clears it.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

/// The use cases of service accounts. Cheap to clone.
pub type ServiceAccountService = Accounts<ServiceAccounts>;

impl ServiceAccountService {
    /// Registers a service account. Fails with [`Failure::Invalid`] if a member is invalid, with [`Failure::Conflict`] if the client id
    /// is already registered for the issuer, and with [`Failure::InsufficientPrivilege`] or [`Failure::InsufficientScope`] if the actor
    /// may not grant one of the roles.
    pub async fn register(&self, actor: &Actor, account: NewServiceAccount) -> Result<ServiceAccount, Failure> {
        let account = self.checked(account)?;
        let by = actor.clone();
        let permissions = Arc::clone(&self.permissions);
        let now = self.clock.now();
        let outcome = self
            .database
            .write(move |conn| {
                let by = by.as_of(conn, &permissions, now)?;
                register(conn, &by, &permissions, account, now.into())
            })
            .await;
        self.record_refused_registration(actor, &outcome).await;
        outcome
    }

    /// As [`register`](Self::register), idempotent: a repeated request with the same key returns the stored response.
    pub async fn register_once(
        &self,
        actor: &Actor,
        account: NewServiceAccount,
        once: Once<ServiceAccount>,
    ) -> Result<StoredResponse, Failure> {
        let account = self.checked(account)?;
        let by = actor.clone();
        let permissions = Arc::clone(&self.permissions);
        let now = self.clock.now();
        let identify = |account: &ServiceAccount| (account.principal.id, account.principal.version);
        let outcome = self
            .database
            .write(move |conn| {
                let by = by.as_of(conn, &permissions, now)?;
                once.run(conn, &by, now, identify, |conn| register(conn, &by, &permissions, account, now.into()))
            })
            .await;
        self.record_refused_registration(actor, &outcome).await;
        outcome
    }

    async fn record_refused_registration<T>(&self, actor: &Actor, outcome: &Result<T, Failure>) {
        if let Err(failure) = outcome {
            let (action, target) = (AuditAction::RegisterServiceAccount, AuditTarget::service_accounts());
            refusal::record(&self.database, actor, action, target, self.clock.now().into(), failure).await;
        }
    }

    /// Returns up to `limit` service accounts, ordered by id, starting after `after`.
    pub async fn list(&self, limit: u16, after: Option<PrincipalId>) -> Result<Page<ServiceAccount>, Failure> {
        self.database
            .read(move |conn| {
                let found = principals::list_service_accounts(conn, after, i64::from(limit) + 1)?;
                let accounts = found.into_iter().map(|(principal, identity)| account(principal, identity)).collect();
                Ok(Page::cut(accounts, limit, |account: &ServiceAccount| account.principal.id))
            })
            .await
    }

    /// Changes the display name or the expiry of a service account. Fails with [`Failure::Invalid`] if a value is invalid.
    pub async fn update(
        &self,
        actor: &Actor,
        id: PrincipalId,
        edit: ServiceAccountEdit,
        if_match: Option<i64>,
    ) -> Result<(ServiceAccount, Vec<HeldRole>), Failure> {
        let line = |name: Option<String>| name.map(|name| text::line("display_name", &name)).transpose();
        let display_name = edit.display_name.map(line).transpose()?;
        let expires_at = edit.expires_at.map(|end| end.map(Moment::from));
        let change = Change { action: AuditAction::UpdateServiceAccount, id, if_match };
        self.change(actor, change, move |account| {
            let renamed = display_name.map(|name| account.rename(name)).transpose()?;
            let ended = expires_at.map(|end| account.set_expiry(end)).transpose()?;
            Ok(combined([renamed.flatten(), ended.flatten()]))
        })
        .await
    }

    fn checked(&self, account: NewServiceAccount) -> Result<NewServiceAccount, Failure> {
        known_issuers::require(&*self.issuers, &account.issuer)?;
        // Compared with tokens byte by byte, so it is neither trimmed nor normalized.
        if !is_plain_line(&account.client_id) {
            return Err(Failure::Invalid { field: "client_id", reason: text::NO_LINE });
        }
        let display_name = text::line("display_name", &account.display_name)?;
        Ok(NewServiceAccount { display_name, ..account })
    }
}

fn register(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    new: NewServiceAccount,
    now: Moment,
) -> Result<ServiceAccount, Failure> {
    new_principal::require_grantable(conn, actor, permissions, &new.roles)?;
    let identity = IdentityKey::machine(new.issuer, new.client_id);
    if principals::find_by_identity(conn, &identity)?.is_some() {
        return Err(Failure::Conflict { field: "client_id" });
    }
    let mut principal = Principal::new(PrincipalKind::Machine, PrincipalStatus::Active, Origin::Manual, now);
    principal.set_profile_field(ProfileField::DisplayName, Some(new.display_name));
    principals::insert(conn, &principal)?;
    new_principal::insert(conn, &Identity::new(principal.id, &identity, now), "client_id")?;
    for role in &new.roles {
        grants::insert(conn, &grant(actor, principal.id, role, now))?;
    }
    let event = actor
        .event(now, AuditAction::RegisterServiceAccount, principal.id)
        .with("issuer", identity.issuer.as_str())
        .with("client_id", identity.subject.as_str())
        .with("roles", new.roles.into_iter().collect::<Vec<_>>());
    audit_events::append(conn, &event)?;
    Ok(ServiceAccount { principal, issuer: identity.issuer, client_id: identity.subject })
}

fn account(principal: Principal, identity: Identity) -> ServiceAccount {
    ServiceAccount { principal, issuer: identity.issuer, client_id: identity.subject }
}
