//! The life cycle that people and programs share: look at one, shut it out and let it in, void its tokens, give and take roles.
//!
//! Every change is one transaction that checks the version and the actor's rights, keeps an admin, and leaves one audit event. A
//! change that changes nothing leaves no trace.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::database::{Database, Invalidates};
use crate::models::permission::DeclaredPermissions;
use crate::models::{AuditAction, Changes, Moment, PrincipalId};

use super::account_type::AccountType;
use super::known_issuers::KnownIssuers;
use super::principal_edit::{self, Change, Edit, Rules};
use super::{Actor, Failure, refusal, rights, text};

/// The principals of one kind, as admins manage them. Cheap to clone.
///
/// An id of another kind, or of somebody deleted, is nobody's here.
#[derive(Clone)]
pub struct Accounts<K> {
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) permissions: Arc<DeclaredPermissions>,
    pub(super) issuers: Arc<dyn KnownIssuers>,
    kind: PhantomData<K>,
}

impl<K: AccountType> Accounts<K> {
    /// The directory in `database`, for principals of the given issuers.
    pub fn new(
        database: Database,
        clock: Clock,
        permissions: Arc<DeclaredPermissions>,
        issuers: impl KnownIssuers + 'static,
    ) -> Self {
        Self { database, clock, permissions, issuers: Arc::new(issuers), kind: PhantomData }
    }

    /// One principal with the roles stored for it.
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

    /// Shuts a principal out, from the next request on. Its sessions end and its tokens stay void when it is enabled again.
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

    /// Lets a principal in that was shut out or waits to be let in.
    pub async fn enable(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<K::View, Failure> {
        let change = Change { action: K::ACTIONS.enable, id, if_match };
        self.change(actor, change, |edit| edit.enable()).await
    }

    /// Voids every token issued to a principal so far.
    pub async fn revoke(&self, actor: &Actor, id: PrincipalId, if_match: Option<i64>) -> Result<K::View, Failure> {
        let change = Change { action: K::ACTIONS.revoke_tokens, id, if_match };
        self.change(actor, change, |edit| edit.revoke_tokens()).await
    }

    /// Gives another principal a role, until `expires_at` if there is one. Takes the place of an earlier grant of the role by hand or by
    /// `BOOTSTRAP_ADMIN`.
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

    /// Takes a role from a principal. What the provider gives, by its provisioning or in its tokens, is the provider's to take.
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

    /// The one way in which a principal is changed.
    pub(super) async fn change<W>(&self, actor: &Actor, change: Change, work: W) -> Result<K::View, Failure>
    where
        W: FnOnce(&mut Edit<'_>) -> Result<Option<Changes>, Failure> + Send + 'static,
    {
        let (by, permissions, now) = (actor.clone(), Arc::clone(&self.permissions), self.clock.now());
        let issuers = Arc::clone(&self.issuers);
        // A new identity may have been refused as unknown: there is no principal yet that the change could name.
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
