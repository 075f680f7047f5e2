//! How a provider knows a principal.

use std::fmt;

use diesel::prelude::*;
use uuid::Uuid;

use super::{Moment, PrincipalId, PrincipalKind};
use crate::database::MultiBackend;
use crate::schema::identities;

/// What links a token to a principal: the three together, compared byte by byte, and nothing else.
///
/// Its `Debug` leaves the subject out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityKey {
    /// The canonical issuer.
    pub issuer: String,
    /// Person or program.
    pub kind: PrincipalKind,
    /// The issuer's subject; for a program its client id.
    pub subject: String,
}

impl IdentityKey {
    /// A person as `issuer` knows them.
    pub fn human(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), kind: PrincipalKind::Human, subject: subject.into() }
    }

    /// A program as `issuer` knows it.
    pub fn machine(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), kind: PrincipalKind::Machine, subject: client_id.into() }
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKey").field("issuer", &self.issuer).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A link between an identity and its principal, as stored.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = identities, check_for_backend(MultiBackend))]
pub struct Identity {
    id: String,
    /// Whose it is.
    pub principal_id: PrincipalId,
    /// The canonical issuer.
    pub issuer: String,
    /// Person or program.
    pub kind: PrincipalKind,
    /// The issuer's subject; for a program its client id.
    pub subject: String,
    /// When it was linked.
    pub created_at: Moment,
}

impl Identity {
    /// Links `key` to a principal.
    pub fn new(principal_id: PrincipalId, key: &IdentityKey, now: Moment) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            principal_id,
            issuer: key.issuer.clone(),
            kind: key.kind,
            subject: key.subject.clone(),
            created_at: now,
        }
    }

    /// Its own id, which names it below its principal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it links.
    pub fn key(&self) -> IdentityKey {
        IdentityKey { issuer: self.issuer.clone(), kind: self.kind, subject: self.subject.clone() }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("principal_id", &self.principal_id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
