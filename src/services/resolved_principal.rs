//! The principal behind a request.
//!
//! What is asked of it with every request lies together, apart from what is rarely asked: of a thousand people who take turns, each is
//! out of the processor's own memory by the time they come again, and every further place to look at makes the request wait.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::principal_cache::Remembered;
use super::{KnownPrincipal, Tally};
use crate::models::PrincipalId;
use crate::models::permission::{Permission, PermissionSet};

/// A principal that was found by a token, with the roles it holds by it.
#[derive(Debug)]
pub struct ResolvedPrincipal {
    id: PrincipalId,
    /// The id of the identity that it was found by.
    identity: Box<str>,
    /// Everything that its roles grant.
    granted: Arc<PermissionSet>,
    tally: OnceLock<Tally>,
    /// `None` where this is for one request only.
    pub(super) remembered: Option<Remembered>,
    known: Box<KnownPrincipal>,
}

impl ResolvedPrincipal {
    /// Of one request only, found by the identity of this id.
    pub(super) fn once(known: KnownPrincipal, identity: &str) -> Self {
        let granted = Arc::new(known.permissions());
        Self::new(known, identity, granted, None)
    }

    /// `granted` is everything that its roles grant.
    pub(super) fn new(
        known: KnownPrincipal,
        identity: &str,
        granted: Arc<PermissionSet>,
        remembered: Option<Remembered>,
    ) -> Self {
        let (id, identity) = (known.principal().id, identity.into());
        Self { id, identity, granted, tally: OnceLock::new(), remembered, known: Box::new(known) }
    }

    /// The principal's id.
    pub fn id(&self) -> &PrincipalId {
        &self.id
    }

    /// The id of the identity that it was found by: which of its linked identities acts.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether some role of it grants `permission`.
    pub fn grants(&self, permission: Permission) -> bool {
        self.granted.contains(&permission)
    }

    /// What it has used up of its budget of requests, once somebody has looked.
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

/// By whom it is, however they came.
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
