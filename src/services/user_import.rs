//! Many people at once, as an operator brings them from elsewhere.
//!
//! Each is made by the very use case that makes one, so no rule is met here alone. What is refused leaves nothing behind and keeps
//! nobody else out, and whoever is here already stays as they are: an import can be run again.

use chrono::{DateTime, Utc};

use crate::database::{DatabaseError, DbConnection};
use crate::models::permission::DeclaredPermissions;
use crate::repositories::principals;

use super::user_creation::create;
use super::{Actor, Failure, NewUser, UserService};

/// What became of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// They were added.
    Added,
    /// One of their identities is somebody's here, so nothing was done.
    AlreadyThere,
}

/// Whether an import is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// It is.
    Keep,
    /// It only says what would become of each.
    DryRun,
}

/// What became of each, in the order in which they were given.
pub type ImportOutcome = Vec<Result<Imported, Failure>>;

/// Why the transaction is undone.
enum Undone {
    Meant(ImportOutcome),
    Failed(Failure),
}

impl From<DatabaseError> for Undone {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl UserService {
    /// Adds people in one transaction. Fails as a whole only where the database does.
    pub async fn import(
        &self,
        actor: &Actor,
        people: Vec<NewUser>,
        mode: ImportMode,
    ) -> Result<ImportOutcome, Failure> {
        let people: Vec<_> = people.into_iter().map(|person| self.checked(person)).collect();
        let (actor, permissions, now) = (actor.clone(), self.permissions.clone(), self.clock.now());
        let outcome = self
            .database
            .write_unbounded(move |conn| {
                let actor = actor.as_of(conn, &permissions, now).map_err(Undone::Failed)?;
                let outcome = import_all(conn, &actor, &permissions, people, now).map_err(Undone::Failed)?;
                match mode {
                    ImportMode::Keep => Ok(outcome),
                    ImportMode::DryRun => Err(Undone::Meant(outcome)),
                }
            })
            .await;
        match outcome {
            Ok(outcome) | Err(Undone::Meant(outcome)) => Ok(outcome),
            Err(Undone::Failed(failure)) => Err(failure),
        }
    }
}

fn import_all(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    people: Vec<Result<NewUser, Failure>>,
    now: DateTime<Utc>,
) -> Result<ImportOutcome, Failure> {
    let mut outcome = Vec::with_capacity(people.len());
    for person in people {
        let imported = person.and_then(|person| import_one(conn, actor, permissions, person, now));
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
    person: NewUser,
    now: DateTime<Utc>,
) -> Result<Imported, Failure> {
    for identity in &person.identities {
        if principals::find_by_identity(conn, &identity.clone().key())?.is_some() {
            return Ok(Imported::AlreadyThere);
        }
    }
    // A savepoint: what a refusal leaves half-done is undone without the others.
    diesel::Connection::transaction(conn, |conn| create(conn, actor, permissions, person, now))?;
    Ok(Imported::Added)
}
