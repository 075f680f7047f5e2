//! Cache of unknown identities.
//!
//! Changes of a principal are announced by its id, and an unknown identity has none. But it becomes known only by an administrator's action
//! (a new user or service account, a link, an import, a renamed issuer, a readmitted identity), and each of these invalidates all
//! principals. So an entry is valid while no invalidation of all principals is newer than the read. Invalidations of a single principal
//! in this process, such as another user's first contact or hourly update, keep it valid: on a busy service it would not last otherwise.
//! An identity that may become a principal by its own token is not cached.
//!
//! An action at another replica arrives as a notice that invalidates all principals. Where the notice is lost or not listened for, the poll
//! of changed rows finds it: any changed row ends every entry. [`MAX_AGE`](crate::services::callers::validity::MAX_AGE) applies here too.

use quick_cache::sync::Cache;

use crate::database::Version;
use crate::models::{IdentityKey, PrincipalKind};
use crate::oidc::{Claims, JitMode};
use crate::services::Failure;
use crate::services::callers::first_contact;
use crate::services::callers::validity::{Age, Need, ValidityRules};

/// The maximum number of entries. An identity takes a few hundred bytes: it comes from a verified token.
const MAX_IDENTITIES: usize = 8 * 1024;

/// The unknown identities. Only those of verified tokens are added, so only a trusted issuer can fill the cache.
pub(crate) struct UnknownIdentities(Cache<IdentityKey, Entry>);

/// Why an identity is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It was never linked to a principal.
    Never,
    /// Its principal was purged.
    Purged,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) what: Unknown,
    /// The version of the invalidations before the read.
    version: Version,
    age: Age,
}

impl Default for UnknownIdentities {
    fn default() -> Self {
        Self(Cache::new(MAX_IDENTITIES))
    }
}

impl UnknownIdentities {
    pub(crate) fn find(&self, identity: &IdentityKey) -> Option<Entry> {
        self.0.get(identity)
    }

    pub(crate) fn insert(&self, identity: &IdentityKey, what: Unknown, version: Version, age: Age) {
        self.0.insert(identity.clone(), Entry { what, version, age });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Entry {
    /// Whether the identity is still unknown at `now`, in microseconds since 1970.
    pub(crate) fn is_valid(&self, rules: &ValidityRules, need: Need, now: i64) -> bool {
        rules.changes.is_nothing_new(self.version) && rules.is_fresh(self.age, need, now)
    }
}

impl Unknown {
    /// Returns the failure of a caller with such an identity.
    pub(crate) fn failure(self, kind: PrincipalKind) -> Failure {
        match (self, kind) {
            (Self::Purged, _) => Failure::PrincipalDeleted,
            (Self::Never, PrincipalKind::Human) => Failure::UnknownPrincipal,
            (Self::Never, PrincipalKind::Machine) => Failure::UnregisteredProgram,
        }
    }

    /// Returns the failure of a caller with these claims; `None` if they may create the principal.
    pub(crate) fn refusal(self, claims: &Claims) -> Option<Failure> {
        let kind = first_contact::identity_of(claims).kind;
        // The issuer's settings may have been reloaded since.
        let may_create = self == Self::Never && kind == PrincipalKind::Human && claims.jit() != JitMode::Off;
        (!may_create).then(|| self.failure(kind))
    }
}
