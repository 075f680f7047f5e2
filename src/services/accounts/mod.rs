//! The life cycle that users and service accounts share: find, disable, enable, revoke tokens, grant and revoke roles.
//!
//! Every change is one transaction: it checks the version and the actor's rights, protects the last admin, and appends one audit event.
//! A change without effect writes nothing, not even an audit event.

pub(crate) mod access;
pub(crate) mod account_type;
pub(crate) mod deletion;
pub(crate) mod new_principal;
pub(crate) mod principal_edit;
pub(crate) mod purge;
pub(crate) mod service_accounts;
pub(crate) mod tombstones;
pub(crate) mod user_creation;
pub(crate) mod user_export;
pub(crate) mod user_identities;
pub(crate) mod user_import;
pub(crate) mod user_list;
pub(crate) mod user_update;
pub(crate) mod users;

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::database::{Database, Invalidates};
use crate::models::permission::DeclaredPermissions;
use crate::models::{AuditAction, Changes, Moment, PrincipalId};

use super::known_issuers::KnownIssuers;
use super::roles::rights;
use super::{Actor, Failure, refusal, text};
use account_type::AccountType;
use principal_edit::{Change, Edit, Rules};

/// Administration of the principals of one account type. Cheap to clone.
///
/// The id of a principal of another type, or of a deleted one, counts as unknown.
#[derive(Clone)]
pub struct Accounts<K> {
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) permissions: Arc<DeclaredPermissions>,
    pub(super) issuers: Arc<dyn KnownIssuers>,
    kind: PhantomData<K>,
}

impl<K: AccountType> Accounts<K> {
    /// Creates the service over `database`, for principals of the given issuers.
    pub fn new(
        database: Database,
        clock: Clock,
        permissions: Arc<DeclaredPermissions>,
        issuers: impl KnownIssuers + 'static,
    ) -> Self {
        Self { database, clock, permissions, issuers: Arc::new(issuers), kind: PhantomData }
    }

    /// Returns one principal with its stored roles.
    pub async fn find(&self, id: PrincipalId) -> Result<K::View, Failure> {
        let (permissions, now) = (Arc::clone(&self.permissions), self.clock.now());
        self.database
            .read(move |conn| {
                let found = principal_edit::find::<K>(conn, id)?;
                let known = principal_edit::with_roles(conn, &permissions, found, now)?;
                K::view(conn, known)
            })
            .await
    }

    /// Disables a principal from the next request on. Its sessions end, and its tokens stay revoked when it is enabled again.
    pub async fn disable(
        &self,
        actor: &Actor,
        id: PrincipalId,
        reason: Option<String>,
        if_match: Option<i64>,
    ) -> Result<K::View, Failure> {
        let reason = reason.map(|reason| text::line("reason", &reason)).transpose()?;
        let change = Change { action: K::ACTIONS.disable, id, if_match };
        self.change(actor, change, move |edit| edit.disable(reason)).await
    }

    /// Enables a disabled or pending principal.
    pub async fn enable(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<K::View, Failure> {
        let change = Change { action: K::ACTIONS.enable, id, if_match };
        self.change(actor, change, |edit| edit.enable()).await
    }

    /// Revokes all tokens issued to a principal so far.
    pub async fn revoke(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<K::View, Failure> {
        let change = Change { action: K::ACTIONS.revoke_tokens, id, if_match };
        self.change(actor, change, |edit| edit.revoke_tokens()).await
    }

    /// Grants a role to another principal, until `expires_at` if set. Replaces an earlier manual or `BOOTSTRAP_ADMIN` grant of the role.
    pub async fn grant_role(
        &self,
        actor: &Actor,
        id: PrincipalId,
        role: &str,
        expires_at: Option<DateTime<Utc>>,
        if_match: Option<i64>,
    ) -> Result<K::View, Failure> {
        if expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Failure::Invalid { field: "expires_at", reason: "must be in the future" });
        }
        let (role, expires_at) = (role.to_owned(), expires_at.map(Moment::from));
        let change = Change { action: AuditAction::GrantRole, id, if_match };
        self.change(actor, change, move |edit| edit.grant(&role, expires_at)).await
    }

    /// Revokes a role of a principal. Roles that come from the provider's provisioning or tokens are not affected.
    pub async fn revoke_role(
        &self,
        actor: &Actor,
        id: PrincipalId,
        role: &str,
        if_match: Option<i64>,
    ) -> Result<K::View, Failure> {
        let role = role.to_owned();
        let change = Change { action: AuditAction::RevokeRole, id, if_match };
        self.change(actor, change, move |edit| edit.revoke(&role)).await
    }

    /// Applies `work` to a principal. Every change of an existing principal goes through this function.
    pub(super) async fn change<W>(&self, actor: &Actor, change: Change, work: W) -> Result<K::View, Failure>
    where
        W: FnOnce(&mut Edit<'_>) -> Result<Option<Changes>, Failure> + Send + 'static,
    {
        let by = actor.clone();
        let permissions = Arc::clone(&self.permissions);
        let now = self.clock.now();
        let issuers = Arc::clone(&self.issuers);
        // A refusal of the new identity as unknown may be cached, and that entry belongs to no principal id.
        let is_link = change.action == AuditAction::LinkIdentity;
        let invalidates = if is_link { Invalidates::Everything } else { Invalidates::one(&change.id) };
        let outcome = self
            .database
            .write_invalidating(move |conn| {
                let by = by.as_of(conn, &permissions, now)?;
                let rules = Rules { permissions: &permissions, issuers: &*issuers };
                let changed = rights::keep_an_admin(conn, |conn| change.apply::<K>(conn, &by, rules, now, work))?;
                let known = principal_edit::with_roles(conn, &permissions, changed, now)?;
                Ok::<_, Failure>((K::view(conn, known)?, invalidates))
            })
            .await;
        if let Err(failure) = &outcome {
            let (target, now) = (change.id.into(), now.into());
            refusal::record(&self.database, actor, change.action, target, now, failure).await;
        }
        outcome
    }
}
