//! Operations on all identities of an issuer.

use crate::clock::Clock;
use crate::database::{Database, DbConnection};
use crate::models::{AuditAction, Identity, Moment, PrincipalKind};
use crate::repositories::{audit_events, identities, key_sets, principals};
use crate::text::name::is_line;

use super::{Actor, Failure};

/// The use cases of issuers. Cheap to clone.
#[derive(Clone)]
pub struct IssuerService {
    database: Database,
    clock: Clock,
}

/// A change of an issuer's URL.
#[derive(Clone, Debug)]
pub struct IssuerRename {
    /// The old canonical issuer.
    pub from: String,
    /// The new issuer, exactly as in the `iss` of its tokens.
    pub to: String,
}

/// The number of identities that a rename moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedIdentities {
    /// Identities of users.
    pub people: usize,
    /// Identities of service accounts.
    pub programs: usize,
}

impl IssuerService {
    /// The service over `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Returns what [`rename`](Self::rename) would move, and fails where it would fail. Changes nothing.
    pub async fn preview_rename(&self, rename: IssuerRename) -> Result<MovedIdentities, Failure> {
        self.database.read(move |conn| Ok(count(&movable(conn, &rename)?))).await
    }

    /// Moves every identity of the old issuer to the new one: the same subject stays the same principal. Either all are moved or none,
    /// and each move has an audit event.
    ///
    /// Fails with [`Failure::Invalid`] when the new name is not valid or the old one has no identities, and with [`Failure::Conflict`]
    /// when a subject exists at both issuers: a rename does not merge principals.
    pub async fn rename(&self, actor: &Actor, rename: IssuerRename) -> Result<MovedIdentities, Failure> {
        let (actor, now) = (actor.clone(), self.clock.now().into());
        self.database.write(move |conn| move_all(conn, &actor, &rename, now)).await
    }
}

fn move_all(
    conn: &mut DbConnection,
    actor: &Actor,
    rename: &IssuerRename,
    now: Moment,
) -> Result<MovedIdentities, Failure> {
    let moved = movable(conn, rename)?;
    identities::rename_issuer(conn, &rename.from, &rename.to)?;
    principals::mark_changed_of_issuer(conn, &rename.to, now)?;
    key_sets::delete(conn, &rename.from)?;
    for identity in &moved {
        let event = actor
            .event(now, AuditAction::MoveIdentity, identity.principal_id)
            .with("from", rename.from.as_str())
            .with("to", rename.to.as_str());
        audit_events::append(conn, &event)?;
    }
    Ok(count(&moved))
}

/// Returns the identities to move. Fails as [`IssuerService::rename`].
fn movable(conn: &mut DbConnection, rename: &IssuerRename) -> Result<Vec<Identity>, Failure> {
    if !is_line(&rename.to) || rename.to == rename.from {
        return Err(Failure::Invalid { field: "new", reason: "must be the new issuer, of 1 to 255 characters" });
    }
    let identities = identities::list_of_issuer(conn, &rename.from)?;
    if identities.is_empty() {
        return Err(Failure::Invalid { field: "old", reason: "must be an issuer that has identities" });
    }
    if identities::share_subject(conn, &rename.from, &rename.to)? {
        return Err(Failure::Conflict { field: "subject at the new issuer" });
    }
    Ok(identities)
}

fn count(identities: &[Identity]) -> MovedIdentities {
    let people = identities.iter().filter(|identity| identity.kind == PrincipalKind::Human).count();
    MovedIdentities { people, programs: identities.len() - people }
}
