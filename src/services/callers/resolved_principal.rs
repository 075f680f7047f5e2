//! The principal of a request.
//!
//! The fields that every request reads lie together, apart from those that are rarely read: with a thousand callers in turn, each
//! principal has left the processor's cache before its next request, and each further cache line costs a memory access.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::cache::CacheEntry;
use crate::models::PrincipalId;
use crate::models::permission::{Permission, PermissionSet};
use crate::services::{KnownPrincipal, Tally};

/// The principal of a token, with the roles it holds with that token.
#[derive(Debug)]
pub struct ResolvedPrincipal {
    id: PrincipalId,
    /// The id of the identity by which it was found.
    identity: Box<str>,
    /// The permissions that its roles grant.
    granted: Arc<PermissionSet>,
    tally: OnceLock<Tally>,
    /// `None` if the principal is not cached.
    pub(crate) entry: Option<CacheEntry>,
    known: Box<KnownPrincipal>,
}

impl ResolvedPrincipal {
    /// A principal for one request, which is not cached. `identity` is the id of the identity by which it was found.
    pub(crate) fn once(known: KnownPrincipal, identity: &str) -> Self {
        let granted = Arc::new(known.permissions());
        Self::new(known, identity, granted, None)
    }

    /// A principal; `granted` holds the permissions that its roles grant.
    pub(crate) fn new(
        known: KnownPrincipal,
        identity: &str,
        granted: Arc<PermissionSet>,
        entry: Option<CacheEntry>,
    ) -> Self {
        let (id, identity) = (known.principal().id, identity.into());
        Self { id, identity, granted, tally: OnceLock::new(), entry, known: Box::new(known) }
    }

    /// The principal's id.
    pub fn id(&self) -> &PrincipalId {
        &self.id
    }

    /// The id of the identity by which the principal was found: the one of its linked identities that the token presents.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether any of its roles grants `permission`.
    pub fn grants(&self, permission: Permission) -> bool {
        self.granted.contains(&permission)
    }

    /// The state of its request budget, set by the first check of the limit.
    pub(crate) fn tally(&self) -> &OnceLock<Tally> {
        &self.tally
    }
}

impl Deref for ResolvedPrincipal {
    type Target = KnownPrincipal;

    fn deref(&self) -> &KnownPrincipal {
        &self.known
    }
}

/// Compares by the id of the principal alone.
impl PartialEq for ResolvedPrincipal {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ResolvedPrincipal {}

impl Hash for ResolvedPrincipal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
