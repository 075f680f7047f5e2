//! Bulk import of users.
//!
//! Each user is created by the same function as a single one, so the same rules apply. A refused entry is rolled back on its own and does
//! not affect the others. An existing user stays unchanged, so an import can be repeated.

use chrono::{DateTime, Utc};

use crate::database::{DatabaseError, DbConnection};
use crate::models::permission::DeclaredPermissions;
use crate::repositories::principals;

use super::user_creation::create;
use crate::services::{Actor, Failure, NewUser, UserService};

/// The result of one imported entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The user was added.
    Added,
    /// One of the identities is already linked to a user, so the entry was skipped.
    AlreadyThere,
}

/// Whether an import is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// The import is committed.
    Keep,
    /// The import is rolled back; only the results are returned.
    DryRun,
}

/// The result of each entry, in input order.
pub type ImportOutcome = Vec<Result<Imported, Failure>>;

/// The reason of a rollback.
enum Rollback {
    DryRun(ImportOutcome),
    Failed(Failure),
}

impl From<DatabaseError> for Rollback {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl UserService {
    /// Imports users in one transaction. Fails as a whole only if the actor is no longer admitted or the database fails.
    pub async fn import(&self, actor: &Actor, users: Vec<NewUser>, mode: ImportMode) -> Result<ImportOutcome, Failure> {
        let users: Vec<_> = users.into_iter().map(|user| self.checked(user)).collect();
        let actor = actor.clone();
        let permissions = self.permissions.clone();
        let now = self.clock.now();
        let outcome = self
            .database
            .write_unbounded(move |conn| {
                let actor = actor.as_of(conn, &permissions, now).map_err(Rollback::Failed)?;
                let outcome = import_all(conn, &actor, &permissions, users, now).map_err(Rollback::Failed)?;
                match mode {
                    ImportMode::Keep => Ok(outcome),
                    ImportMode::DryRun => Err(Rollback::DryRun(outcome)),
                }
            })
            .await;
        match outcome {
            Ok(outcome) | Err(Rollback::DryRun(outcome)) => Ok(outcome),
            Err(Rollback::Failed(failure)) => Err(failure),
        }
    }
}

fn import_all(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    users: Vec<Result<NewUser, Failure>>,
    now: DateTime<Utc>,
) -> Result<ImportOutcome, Failure> {
    let mut outcome = Vec::with_capacity(users.len());
    for user in users {
        let imported = user.and_then(|user| import_one(conn, actor, permissions, user, now));
        match imported {
            Err(failure @ Failure::Database(_)) => return Err(failure),
            imported => outcome.push(imported),
        }
    }
    Ok(outcome)
}

fn import_one(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    user: NewUser,
    now: DateTime<Utc>,
) -> Result<Imported, Failure> {
    for identity in &user.identities {
        if principals::find_by_identity(conn, &identity.clone().key())?.is_some() {
            return Ok(Imported::AlreadyThere);
        }
    }
    // A savepoint: a refused entry is rolled back without the others.
    diesel::Connection::transaction(conn, |conn| create(conn, actor, permissions, user, now))?;
    Ok(Imported::Added)
}
