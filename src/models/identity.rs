//! Identities: the link between a provider's subject and a principal.

use std::fmt;

use diesel::prelude::*;
use uuid::Uuid;

use super::{Moment, PrincipalId, PrincipalKind};
use crate::database::MultiBackend;
use crate::schema::identities;

/// The key that links a token to a principal: issuer, kind and subject, compared byte by byte.
///
/// `Debug` omits the subject.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityKey {
    /// The canonical issuer.
    pub issuer: String,
    /// The kind of principal.
    pub kind: PrincipalKind,
    /// The subject at the issuer; for a service account its client id.
    pub subject: String,
}

impl IdentityKey {
    /// Returns the key of a user of `issuer`.
    pub fn human(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), kind: PrincipalKind::Human, subject: subject.into() }
    }

    /// Returns the key of a service account of `issuer`.
    pub fn machine(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), kind: PrincipalKind::Machine, subject: client_id.into() }
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKey").field("issuer", &self.issuer).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A stored link between an identity and its principal.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = identities, check_for_backend(MultiBackend))]
pub struct Identity {
    id: String,
    /// The principal that it is linked to.
    pub principal_id: PrincipalId,
    /// The canonical issuer.
    pub issuer: String,
    /// The kind of principal.
    pub kind: PrincipalKind,
    /// The subject at the issuer; for a service account its client id.
    pub subject: String,
    /// The time of the link.
    pub created_at: Moment,
}

impl Identity {
    /// Creates a link from `key` to a principal.
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

    /// The id of the identity, used in the routes below its principal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key of the identity.
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
