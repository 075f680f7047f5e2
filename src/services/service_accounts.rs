//! Programs: registered by an admin under issuer and client id before their first request, never made from a token.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Clock;
use crate::database::{Database, DbConnection};
use crate::models::permission::DeclaredPermissions;
use crate::models::{
    AuditAction, Grant, GrantSource, Identity, IdentityKey, Moment, Origin, Principal, PrincipalId, PrincipalKind,
    PrincipalStatus, ProfileField,
};
use crate::oidc::TrustedIssuers;
use crate::repositories::{audit_events, grants, identities, principals};

use super::{Actor, Failure, HeldRole, Page, held_role, rights, text};

/// What an admin says to register a program.
#[derive(Clone, Debug)]
pub struct NewServiceAccount {
    /// The canonical issuer of its tokens.
    pub issuer: String,
    /// The client id that the issuer knows it by.
    pub client_id: String,
    /// The name to show.
    pub display_name: String,
    /// The roles it gets.
    pub roles: BTreeSet<String>,
}

/// A registered program.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its principal.
    pub principal: Principal,
    /// The canonical issuer of its tokens.
    pub issuer: String,
    /// The client id that the issuer knows it by.
    pub client_id: String,
}

/// The use cases of service accounts. Cheap to clone.
#[derive(Clone)]
pub struct ServiceAccountService {
    database: Database,
    clock: Clock,
    permissions: Arc<DeclaredPermissions>,
    issuers: Arc<dyn KnownIssuers>,
}

/// Whose programs can be registered.
pub trait KnownIssuers: Send + Sync {
    /// Whether tokens of this canonical issuer are taken at the moment.
    fn know(&self, issuer: &str) -> bool;
}

impl KnownIssuers for TrustedIssuers {
    fn know(&self, issuer: &str) -> bool {
        self.canonical_issuers().iter().any(|known| known == issuer)
    }
}

impl KnownIssuers for Vec<String> {
    fn know(&self, issuer: &str) -> bool {
        self.iter().any(|known| known == issuer)
    }
}

impl ServiceAccountService {
    /// The service over `database`, for programs of the given canonical issuers.
    pub fn new(
        database: Database,
        clock: Clock,
        permissions: Arc<DeclaredPermissions>,
        issuers: impl KnownIssuers + 'static,
    ) -> Self {
        Self { database, clock, permissions, issuers: Arc::new(issuers) }
    }

    /// Registers a program. Fails with [`Failure::Invalid`] when a member cannot be accepted, with [`Failure::Conflict`] when the
    /// client id is registered for the issuer, and with [`Failure::AboveYourRights`] when a role is not the actor's to give.
    pub async fn register(&self, actor: &Actor, account: NewServiceAccount) -> Result<ServiceAccount, Failure> {
        let account = self.checked(account)?;
        let (actor, permissions, now) = (actor.clone(), Arc::clone(&self.permissions), self.clock.now().into());
        self.database.write(move |conn| register(conn, &actor, &permissions, account, now)).await
    }

    /// Up to `limit` service accounts in the order of their ids, from the one after `after`.
    pub async fn list(&self, limit: u16, after: Option<PrincipalId>) -> Result<Page<ServiceAccount>, Failure> {
        self.database
            .read(move |conn| {
                let programs = principals::list_programs(conn, after, i64::from(limit) + 1)?;
                let accounts = programs.into_iter().map(|(principal, identity)| account(principal, identity)).collect();
                Ok(Page::cut(accounts, limit, |account: &ServiceAccount| account.principal.id))
            })
            .await
    }

    /// One service account and its roles; fails with [`Failure::NoSuchServiceAccount`].
    pub async fn find(&self, id: PrincipalId) -> Result<(ServiceAccount, Vec<HeldRole>), Failure> {
        let (permissions, now) = (Arc::clone(&self.permissions), self.clock.now());
        self.database
            .read(move |conn| {
                let principal = find_program(conn, id)?;
                let identity = identities::list(conn, id)?.into_iter().next().ok_or(Failure::NoSuchServiceAccount)?;
                let roles = held_role::list(conn, &permissions, id, &BTreeSet::new(), now)?;
                Ok((account(principal, identity), roles))
            })
            .await
    }

    fn checked(&self, account: NewServiceAccount) -> Result<NewServiceAccount, Failure> {
        if !self.issuers.know(&account.issuer) {
            return Err(Failure::Invalid { field: "issuer", reason: "must be one of the issuers configured here" });
        }
        // Compared byte by byte with tokens, hence not trimmed.
        if !text::is_line(&account.client_id) {
            let reason = "must be 1 to 255 characters without control characters";
            return Err(Failure::Invalid { field: "client_id", reason });
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
    require_reach_over_roles(conn, actor, permissions, &new.roles)?;
    let identity = IdentityKey::machine(new.issuer, new.client_id);
    if principals::find_by_identity(conn, &identity)?.is_some() {
        return Err(Failure::Conflict { field: "client_id" });
    }
    let mut program = Principal::new(PrincipalKind::Machine, PrincipalStatus::Active, Origin::Manual, now);
    program.set_profile_field(ProfileField::DisplayName, Some(new.display_name));
    principals::insert(conn, &program)?;
    identities::insert(conn, &Identity::new(program.id, &identity, now))?;
    for role in &new.roles {
        grants::insert(conn, &grant(actor, program.id, role, now))?;
    }
    let event = actor
        .event(now, AuditAction::RegisterServiceAccount, program.id)
        .with("issuer", identity.issuer.as_str())
        .with("client_id", identity.subject.as_str())
        .with("roles", new.roles.into_iter().collect::<Vec<_>>());
    audit_events::append(conn, &event)?;
    Ok(ServiceAccount { principal: program, issuer: identity.issuer, client_id: identity.subject })
}

fn require_reach_over_roles(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    roles: &BTreeSet<String>,
) -> Result<(), Failure> {
    for role in roles {
        let touched = rights::permissions_of_role(conn, permissions, role)?
            .ok_or(Failure::Invalid { field: "roles", reason: "names a role that does not exist" })?;
        rights::require_reach(actor, &touched)?;
    }
    Ok(())
}

fn grant(actor: &Actor, principal: PrincipalId, role: &str, now: Moment) -> Grant {
    Grant {
        principal_id: principal,
        role: role.to_owned(),
        source: GrantSource::Manual,
        source_ref: String::new(),
        granted_by: actor.principal,
        granted_at: now,
        expires_at: None,
    }
}

fn find_program(conn: &mut DbConnection, id: PrincipalId) -> Result<Principal, Failure> {
    principals::find(conn, id)?
        .filter(|found| found.kind == PrincipalKind::Machine && found.status != PrincipalStatus::Deleted)
        .ok_or(Failure::NoSuchServiceAccount)
}

fn account(principal: Principal, identity: Identity) -> ServiceAccount {
    ServiceAccount { principal, issuer: identity.issuer, client_id: identity.subject }
}
