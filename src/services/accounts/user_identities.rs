//! The identities by which users sign in, and the readmission of purged users.

use std::collections::BTreeSet;

use crate::models::{AuditAction, AuditTarget, Changes, Identity, IdentityKey, MEMBER, PrincipalId};
use crate::repositories::{audit_events, identities};

use super::account_type::User;
use super::principal_edit::{self, Change, Edit, changes, combined};
use super::{new_principal, tombstones, user_creation};
use crate::services::{Actor, Failure, NewIdentity, UserService, refusal};

/// An identity of a user.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The identity.
    pub identity: Identity,
    /// Whether this call linked it.
    pub is_new: bool,
    /// The current version of the user.
    pub version: i64,
}

impl UserService {
    /// Returns the identities of a user, oldest first, and the user's version.
    pub async fn identities(&self, id: PrincipalId) -> Result<(Vec<Identity>, i64), Failure> {
        self.database
            .read(move |conn| {
                let user = principal_edit::find::<User>(conn, id)?;
                Ok((identities::list(conn, id)?, user.version))
            })
            .await
    }

    /// Links another identity to a user, and revokes the tokens issued so far, since their holders did not prove both identities.
    ///
    /// Fails with [`Failure::OwnIdentity`] if the actor is the user, with [`Failure::Conflict`] if the identity is linked to another
    /// user, and with [`Failure::Tombstoned`] if it belonged to a purged user.
    pub async fn link_identity(
        &self,
        actor: &Actor,
        id: PrincipalId,
        identity: NewIdentity,
        if_match: Option<i64>,
    ) -> Result<Linked, Failure> {
        self.check_identity(&identity)?;
        let key = identity.key();
        let change = Change { action: AuditAction::LinkIdentity, id, if_match };
        let wanted = key.clone();
        let before = self.identities(id).await?.0;
        let user = self.change(actor, change, move |edit| edit.link_identity(&key)).await?;
        let identity = self.identities(id).await?.0.into_iter().find(|identity| identity.key() == wanted);
        let identity = identity.ok_or(Failure::NoSuchIdentity)?;
        let is_new = before.iter().all(|known| known.id() != identity.id());
        Ok(Linked { identity, is_new, version: user.principal().version })
    }

    /// Unlinks an identity from a user; a later sign-in by it creates a new user. Fails with [`Failure::LastIdentity`] for the last one.
    /// Returns the user's version.
    pub async fn unlink_identity(
        &self,
        actor: &Actor,
        id: PrincipalId,
        identity: String,
        if_match: Option<i64>,
    ) -> Result<i64, Failure> {
        let change = Change { action: AuditAction::UnlinkIdentity, id, if_match };
        let user = self.change(actor, change, move |edit| edit.unlink_identity(&identity)).await?;
        Ok(user.principal().version)
    }

    /// Removes the tombstone of a purged user's identity, so that its next sign-in creates a new user. Returns whether there was one.
    pub async fn readmit(&self, actor: &Actor, identity: NewIdentity) -> Result<bool, Failure> {
        self.check_identity(&identity)?;
        let by = actor.clone();
        let permissions = self.permissions.clone();
        let now = self.clock.now();
        let outcome = self
            .database
            .write(move |conn| {
                let by = by.as_of(conn, &permissions, now)?;
                new_principal::require_grantable(conn, &by, &permissions, &BTreeSet::from([MEMBER.to_owned()]))?;
                let purged = tombstones::remove(conn, &identity.key())?;
                if let Some(purged) = purged {
                    audit_events::append(conn, &by.event(now.into(), AuditAction::ReadmitUser, purged))?;
                }
                Ok(purged.is_some())
            })
            .await;
        if let Err(failure) = &outcome {
            let (action, target) = (AuditAction::ReadmitUser, AuditTarget::users());
            refusal::record(&self.database, actor, action, target, now.into(), failure).await;
        }
        outcome
    }
}

impl Edit<'_> {
    fn link_identity(&mut self, key: &IdentityKey) -> Result<Option<Changes>, Failure> {
        if self.actor.is(self.principal.id) {
            return Err(Failure::OwnIdentity);
        }
        // The owner of the identity gains all rights of the user.
        self.require_grantable_principal()?;
        if identities::list(self.conn, self.principal.id)?.iter().any(|identity| identity.key() == *key) {
            return Ok(None);
        }
        let identity = user_creation::link(self.conn, self.principal.id, key, self.now.into())?;
        let revoked = self.end_access()?;
        Ok(combined([Some(identity_changes(&identity)), revoked]))
    }

    fn unlink_identity(&mut self, id: &str) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        let linked = identities::list(self.conn, self.principal.id)?;
        let identity = linked.iter().find(|identity| identity.id() == id).ok_or(Failure::NoSuchIdentity)?;
        if linked.len() == 1 {
            return Err(Failure::LastIdentity);
        }
        identities::delete(self.conn, self.principal.id, id)?;
        Ok(Some(identity_changes(identity)))
    }
}

/// The audit record of an identity. Leaves out the subject, which may be an e-mail address.
fn identity_changes(identity: &Identity) -> Changes {
    changes([("identity", identity.id().to_owned()), ("issuer", identity.issuer.clone())])
}
