//! The steps that are the same for every new principal: its grants and its identity.

use std::collections::BTreeSet;

use crate::database::DbConnection;
use crate::models::permission::DeclaredPermissions;
use crate::models::{Grant, GrantSource, Identity, Moment, PrincipalId};
use crate::repositories::identities;
use crate::services::roles::rights;
use crate::services::{Actor, Failure};

pub(crate) fn grant(actor: &Actor, principal: PrincipalId, role: &str, now: Moment) -> Grant {
    Grant {
        principal_id: principal,
        role: role.to_owned(),
        source: GrantSource::Manual,
        source_ref: String::new(),
        granted_by: actor.principal(),
        granted_at: now,
        expires_at: None,
    }
}

/// Fails if a role does not exist or `actor` may not grant it to a new account.
pub(crate) fn require_grantable(
    conn: &mut DbConnection,
    actor: &Actor,
    permissions: &DeclaredPermissions,
    roles: &BTreeSet<String>,
) -> Result<(), Failure> {
    for role in roles {
        let given = rights::permissions_of_role(conn, permissions, role)?
            .ok_or(Failure::Invalid { field: "roles", reason: "contains an unknown role" })?;
        rights::require_grantable_at_entry(actor, role, &given)?;
    }
    Ok(())
}

/// Inserts an identity that was not linked at the last check. A concurrent first contact may have linked it since: then this fails with
/// [`Failure::Conflict`].
pub(crate) fn insert(conn: &mut DbConnection, identity: &Identity, field: &'static str) -> Result<(), Failure> {
    identities::insert(conn, identity).map_err(|error| match Failure::from(error) {
        Failure::Database(error) if error.is_taken() => Failure::Conflict { field },
        failure => failure,
    })
}
