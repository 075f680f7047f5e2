//! What admins do with users: look at them, shut them out and let them in, void their tokens, give and take roles.
//!
//! Only people are users; a program's id is nobody's here. Every change is one transaction that checks the version and the
//! actor's rights, keeps an admin, and leaves one audit event. A change that changes nothing leaves no trace.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::database::Database;
use crate::models::permission::DeclaredPermissions;
use crate::models::{AuditAction, Changes, Moment, Outcome, Principal, PrincipalId};
use crate::repositories::{audit_events, principals};

use super::user_edit::{self, Change, Edit};
use super::{Actor, Failure, KnownPrincipal, Page, rights, text};

/// The use cases of users. Cheap to clone.
#[derive(Clone)]
pub struct UserService {
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) permissions: Arc<DeclaredPermissions>,
}

impl UserService {
    /// The service over `database`.
    pub fn new(database: Database, clock: Clock, permissions: Arc<DeclaredPermissions>) -> Self {
        Self { database, clock, permissions }
    }

    /// Up to `limit` users in the order of their ids, from the one after `after`.
    pub async fn list(&self, limit: u16, after: Option<PrincipalId>) -> Result<Page<Principal>, Failure> {
        self.database
            .read(move |conn| {
                let people = principals::list_people(conn, after, i64::from(limit) + 1)?;
                Ok(Page::cut(people, limit, |person| person.id))
            })
            .await
    }

    /// One user with the roles stored for them; fails with [`Failure::NoSuchUser`].
    pub async fn find(&self, id: PrincipalId) -> Result<KnownPrincipal, Failure> {
        let (permissions, now) = (Arc::clone(&self.permissions), self.clock.now());
        self.database
            .read(move |conn| {
                let user = user_edit::find_user(conn, id)?;
                user_edit::with_roles(conn, &permissions, user, now)
            })
            .await
    }

    /// Shuts a user out, from the next request on.
    pub async fn disable(
        &self,
        actor: &Actor,
        id: PrincipalId,
        reason: Option<String>,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        let reason = reason.map(|reason| text::line("reason", &reason)).transpose()?;
        let change = Change { action: AuditAction::DisableUser, id, if_match };
        self.change(actor, change, move |edit| edit.disable(reason)).await
    }

    /// Lets a user in who was shut out or waits to be let in.
    pub async fn enable(
        &self,
        actor: &Actor,
        id: PrincipalId,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        let change = Change { action: AuditAction::EnableUser, id, if_match };
        self.change(actor, change, |edit| edit.enable()).await
    }

    /// Voids every token issued to a user so far.
    pub async fn revoke(
        &self,
        actor: &Actor,
        id: PrincipalId,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        let change = Change { action: AuditAction::RevokeTokens, id, if_match };
        self.change(actor, change, |edit| edit.revoke_tokens()).await
    }

    /// Gives a user a role, until `expires_at` if there is one. Takes the place of an earlier grant of the role by hand or by
    /// `BOOTSTRAP_ADMIN`.
    pub async fn grant_role(
        &self,
        actor: &Actor,
        id: PrincipalId,
        role: &str,
        expires_at: Option<DateTime<Utc>>,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        if expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Failure::Invalid { field: "expires_at", reason: "must be in the future" });
        }
        let (role, expires_at) = (role.to_owned(), expires_at.map(Moment::from));
        let change = Change { action: AuditAction::GrantRole, id, if_match };
        self.change(actor, change, move |edit| edit.grant(&role, expires_at)).await
    }

    /// Takes a role from a user. What the provider gives, by its provisioning or in its tokens, is the provider's to take.
    pub async fn revoke_role(
        &self,
        actor: &Actor,
        id: PrincipalId,
        role: &str,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        let role = role.to_owned();
        let change = Change { action: AuditAction::RevokeRole, id, if_match };
        self.change(actor, change, move |edit| edit.revoke(&role)).await
    }

    /// The one way in which a user is changed.
    async fn change<W>(&self, actor: &Actor, change: Change, work: W) -> Result<KnownPrincipal, Failure>
    where
        W: FnOnce(&mut Edit<'_>) -> Result<Option<Changes>, Failure> + Send + 'static,
    {
        let (by, permissions, now) = (actor.clone(), Arc::clone(&self.permissions), self.clock.now());
        let outcome = self
            .database
            .write(move |conn| {
                let user = rights::keep_an_admin(conn, |conn| change.apply(conn, &by, &permissions, now, work))?;
                user_edit::with_roles(conn, &permissions, user, now)
            })
            .await;
        if let Err(refusal @ (Failure::AboveYourRights { .. } | Failure::LastAdmin)) = &outcome {
            self.record_refusal(actor, change, refusal).await;
        }
        outcome
    }

    /// The refused transaction left nothing behind, so its trace takes one of its own. Losing it does not change the answer.
    async fn record_refusal(&self, actor: &Actor, change: Change, refusal: &Failure) {
        let mut event =
            actor.event(self.clock.now().into(), change.action, change.id).with("refusal", refusal.to_string());
        event.outcome = Outcome::Refused;
        let kept: Result<(), Failure> = self.database.write(move |conn| Ok(audit_events::append(conn, &event)?)).await;
        if let Err(failure) = kept {
            tracing::warn!(%failure, action = %change.action, "a refusal could not be added to the audit trail");
        }
    }
}
