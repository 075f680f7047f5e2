//! Identities that nobody has, as the database was last seen.
//!
//! A principal has an id, by which its changes are told; an identity that nobody has is told by none of them. But it becomes somebody's
//! only by an act of an administrator (a new user or service account, a link, an import, an issuer renamed, a purged identity
//! readmitted), and each of these acts touches everyone. So an entry is good while nothing has touched everyone since before the
//! database was read. What touches a single principal here, as the first contact or the hourly note of somebody else does, leaves it
//! good: on a busy service it would not live long otherwise. Whoever may become a principal by their own token is not remembered.
//!
//! Another replica's act comes as a notice for everyone. Where it is lost, or none is listened to, the poll of changed rows finds it:
//! any row that is news ends every entry. And [`MAX_AGE`](super::MAX_AGE) holds here too.

use quick_cache::sync::Cache;

use super::Age;
use crate::database::{Invalidations, Version};
use crate::models::{IdentityKey, PrincipalKind};
use crate::oidc::{Claims, JitMode};
use crate::services::{Failure, first_contact};

/// How many are remembered. An identity has a few hundred bytes: it was in a token that is proved.
const MAX_IDENTITIES: usize = 8 * 1024;

/// The identities. Only those of proved tokens are added, so it takes an issuer to fill it.
pub(super) struct UnknownIdentities(Cache<IdentityKey, Entry>);

/// Why nobody has the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services) enum Unknown {
    /// Nobody ever had it.
    Never,
    /// Somebody had it and was purged.
    Purged,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) what: Unknown,
    /// Taken before the database was read.
    version: Version,
    pub(super) age: Age,
}

impl Default for UnknownIdentities {
    fn default() -> Self {
        Self(Cache::new(MAX_IDENTITIES))
    }
}

impl UnknownIdentities {
    pub(super) fn find(&self, identity: &IdentityKey) -> Option<Entry> {
        self.0.get(identity)
    }

    pub(super) fn keep(&self, identity: &IdentityKey, what: Unknown, version: Version, age: Age) {
        self.0.insert(identity.clone(), Entry { what, version, age });
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Entry {
    pub(super) fn is_unchanged(&self, changes: &Invalidations) -> bool {
        changes.is_nothing_new(self.version)
    }
}

impl Unknown {
    /// Why whoever presents such an identity is not let in.
    pub(in crate::services) fn failure(self, kind: PrincipalKind) -> Failure {
        match (self, kind) {
            (Self::Purged, _) => Failure::PrincipalDeleted,
            (Self::Never, PrincipalKind::Human) => Failure::UnknownPrincipal,
            (Self::Never, PrincipalKind::Machine) => Failure::UnregisteredProgram,
        }
    }

    /// The same for these claims; `None` where they make their identity known from now on.
    pub(super) fn refusal(self, claims: &Claims) -> Option<Failure> {
        let kind = first_contact::identity_of(claims).kind;
        // The issuer's settings may have been read again since.
        let is_made = self == Self::Never && kind == PrincipalKind::Human && claims.jit() != JitMode::Off;
        (!is_made).then(|| self.failure(kind))
    }
}
