//! Roles: the built-in ones and those that admins create.
//!
//! The permissions of `admin` and `auditor` follow from the declared permissions, so these roles cannot be edited. No built-in role can be
//! deleted. An edit grants the added permissions to every holder, so the granting rules apply to it (`docs/access.md`).

pub(crate) mod decision;
pub(crate) mod definition;
pub(crate) mod held_role;
pub(crate) mod rights;
pub(crate) mod role_edit;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::database::Database;
use crate::models::permission::DeclaredPermissions;
use crate::models::{AuditAction, AuditTarget, Moment, Role};
use crate::repositories::roles;

use super::{Actor, Failure, refusal};
use definition::{RoleDraft, RoleWithPermissions, find, with_permissions};
use role_edit::RoleEdit;

/// The precondition of a write to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownVersion {
    /// The role does not exist.
    Absent,
    /// The role exists in this version.
    Is(i64),
    /// The role exists in any version.
    Any,
}

/// The use cases of roles. Cheap to clone.
#[derive(Clone)]
pub struct RoleService {
    database: Database,
    clock: Clock,
    permissions: Arc<DeclaredPermissions>,
}

impl RoleService {
    /// Creates the service over `database`.
    pub fn new(database: Database, clock: Clock, permissions: Arc<DeclaredPermissions>) -> Self {
        Self { database, clock, permissions }
    }

    /// Returns all roles, ordered by name.
    pub async fn list(&self) -> Result<Vec<RoleWithPermissions>, Failure> {
        let permissions = Arc::clone(&self.permissions);
        self.database
            .read(move |conn| {
                let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (role, permission) in roles::list_all_permissions(conn)? {
                    listed.entry(role).or_default().push(permission);
                }
                let complete = |role: Role| {
                    let listed = listed.remove(&role.name).unwrap_or_default();
                    with_permissions(&permissions, role, &listed)
                };
                Ok(roles::list(conn)?.into_iter().map(complete).collect())
            })
            .await
    }

    /// Returns one role. Fails with [`Failure::NoSuchRole`] if it does not exist.
    pub async fn find(&self, name: &str) -> Result<RoleWithPermissions, Failure> {
        let (name, permissions) = (name.to_owned(), Arc::clone(&self.permissions));
        self.database.read(move |conn| find(conn, &permissions, &name)).await
    }

    /// Creates or replaces a role. Fails with [`Failure::StaleVersion`] if `known` does not hold.
    pub async fn put(
        &self,
        actor: &Actor,
        name: &str,
        draft: RoleDraft,
        known: KnownVersion,
    ) -> Result<RoleWithPermissions, Failure> {
        let action = if known == KnownVersion::Absent { AuditAction::CreateRole } else { AuditAction::UpdateRole };
        self.change(actor, name, action, move |edit| match known {
            KnownVersion::Absent => edit.create(&draft),
            KnownVersion::Is(version) => edit.replace(&draft, Some(version)),
            KnownVersion::Any => edit.replace(&draft, None),
        })
        .await
    }

    /// Deletes a role. Fails with [`Failure::RoleGranted`] if it is assigned, unless `force` is set, which removes the assignments.
    pub async fn delete(&self, actor: &Actor, name: &str, force: bool, if_match: Option<i64>) -> Result<(), Failure> {
        self.change(actor, name, AuditAction::DeleteRole, move |edit| edit.delete(force, if_match)).await
    }

    /// Applies `work` to a role. Every change of a role goes through this function.
    async fn change<T, W>(&self, actor: &Actor, name: &str, action: AuditAction, work: W) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: FnOnce(&mut RoleEdit<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let by = actor.clone();
        let role = name.to_owned();
        let permissions = Arc::clone(&self.permissions);
        let at = self.clock.now();
        let now = Moment::from(at);
        let outcome = self
            .database
            .write(move |conn| {
                let by = by.as_of(conn, &permissions, at)?;
                let mut edit = RoleEdit { conn, actor: &by, permissions: &permissions, name: &role, now };
                work(&mut edit)
            })
            .await;
        if let Err(failure) = &outcome {
            refusal::record(&self.database, actor, action, AuditTarget::role(name), now, failure).await;
        }
        outcome
    }
}
