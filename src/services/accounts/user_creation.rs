//! Users that an admin creates before their first sign-in.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::database::DbConnection;
use crate::models::permission::DeclaredPermissions;
use crate::models::{
    AuditAction, AuditTarget, Identity, IdentityKey, MEMBER, Moment, Origin, Principal, PrincipalId, PrincipalKind,
    PrincipalStatus,
};
use crate::repositories::{audit_events, grants, principals};
use crate::text::name::is_line;

use super::new_principal::{grant, insert, require_grantable};
use super::{principal_edit, tombstones};
use crate::services::{
    Actor, Failure, KnownPrincipal, Once, ProfileEdit, StoredResponse, UserService, known_issuers, me, refusal, text,
};

/// The maximum number of identities of a new user.
const MAX_IDENTITIES: usize = 20;

/// An identity to link: a user as known to a provider.
#[derive(Clone)]
pub struct NewIdentity {
    /// The canonical issuer.
    pub issuer: String,
    /// The issuer's subject.
    pub subject: String,
}

/// A user to create.
#[derive(Clone)]
pub struct NewUser {
    /// Names and locale. A field that is set here no longer follows the provider.
    pub profile: ProfileEdit,
    /// The user name.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The expiry of the account, if any.
    pub expires_at: Option<DateTime<Utc>>,
    /// The identities by which the user signs in; at least one.
    pub identities: Vec<NewIdentity>,
    /// The roles to grant; `None` for the default role of new users.
    pub roles: Option<BTreeSet<String>>,
}

impl UserService {
    /// Creates an active user whose e-mail address and user name admins manage, or returns the stored response of an earlier request with
    /// the same idempotency key.
    ///
    /// Fails with [`Failure::Invalid`] if a member is invalid, with [`Failure::Conflict`] if an identity is already linked, with
    /// [`Failure::Tombstoned`] if an identity belonged to a purged user, and with [`Failure::InsufficientPrivilege`] or
    /// [`Failure::InsufficientScope`] if the actor may not grant one of the roles.
    pub async fn create(
        &self,
        actor: &Actor,
        user: NewUser,
        once: Once<KnownPrincipal>,
    ) -> Result<StoredResponse, Failure> {
        let (user, now) = (self.checked(user)?, self.clock.now());
        let (by, permissions) = (actor.clone(), self.permissions.clone());
        let identify = |user: &KnownPrincipal| (user.principal().id, user.principal().version);
        let outcome = self
            .database
            .write(move |conn| {
                let by = by.as_of(conn, &permissions, now)?;
                once.run(conn, &by, now, identify, |conn| create(conn, &by, &permissions, user, now))
            })
            .await;
        if let Err(failure) = &outcome {
            let (action, target) = (AuditAction::CreateUser, AuditTarget::users());
            refusal::record(&self.database, actor, action, target, now.into(), failure).await;
        }
        outcome
    }

    pub(crate) fn checked(&self, user: NewUser) -> Result<NewUser, Failure> {
        if user.identities.is_empty() || user.identities.len() > MAX_IDENTITIES {
            return Err(Failure::Invalid { field: "identities", reason: "must have 1 to 20 entries" });
        }
        user.identities.iter().try_for_each(|identity| self.check_identity(identity))?;
        if user.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Failure::Invalid { field: "expires_at", reason: "must be in the future" });
        }
        Ok(NewUser {
            profile: user.profile.checked()?,
            username: text::optional_line("username", user.username)?,
            email: text::optional_line("email", user.email)?,
            ..user
        })
    }

    pub(crate) fn check_identity(&self, identity: &NewIdentity) -> Result<(), Failure> {
        known_issuers::require(&*self.issuers, &identity.issuer)?;
        // Compared with tokens byte by byte, so it is not trimmed.
        if !is_line(&identity.subject) {
            let reason = "must be 1 to 255 characters without control characters";
            return Err(Failure::Invalid { field: "subject", reason });
        }
        Ok(())
    }
}

impl NewIdentity {
    pub(crate) fn key(self) -> IdentityKey {
        IdentityKey::human(self.issuer, self.subject)
    }
}

pub(crate) fn create(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    new: NewUser,
    now: DateTime<Utc>,
) -> Result<KnownPrincipal, Failure> {
    let roles = new.roles.clone().unwrap_or_else(|| BTreeSet::from([MEMBER.to_owned()]));
    require_grantable(conn, actor, permissions, &roles)?;
    let (identities, moment) = (new.identities.clone(), Moment::from(now));
    let user = new_principal(new, moment);
    principals::insert(conn, &user)?;
    for identity in identities {
        link(conn, user.id, &identity.key(), moment)?;
    }
    for role in &roles {
        grants::insert(conn, &grant(actor, user.id, role, moment))?;
    }
    let event = actor
        .event(moment, AuditAction::CreateUser, user.id)
        .with("status", user.status.as_str())
        .with("origin", user.origin.as_str())
        .with("roles", roles.into_iter().collect::<Vec<_>>());
    audit_events::append(conn, &event)?;
    principal_edit::with_roles(conn, permissions, user, now)
}

fn new_principal(new: NewUser, now: Moment) -> Principal {
    let mut user = Principal::new(PrincipalKind::Human, PrincipalStatus::Active, Origin::Manual, now);
    me::apply(&mut user, new.profile);
    user.username = new.username;
    user.email = new.email;
    user.expires_at = new.expires_at.map(Moment::from);
    user
}

/// Links an identity to a user. Fails with [`Failure::Conflict`] if it is already linked, and with [`Failure::Tombstoned`] if it belonged
/// to a purged user.
pub(crate) fn link(
    conn: &mut DbConnection,
    user: PrincipalId,
    key: &IdentityKey,
    now: Moment,
) -> Result<Identity, Failure> {
    if principals::find_by_identity(conn, key)?.is_some() {
        return Err(Failure::Conflict { field: "subject" });
    }
    if tombstones::find(conn, key)?.is_some() {
        return Err(Failure::Tombstoned);
    }
    let identity = Identity::new(user, key, now);
    insert(conn, &identity, "subject")?;
    Ok(identity)
}
