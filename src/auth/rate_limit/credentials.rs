//! Credentials that were good the last time they came.
//!
//! An address whose budget is spent may belong to many people, of whom one guesses. Those whose credential is known to be good are
//! served as before, whatever kind it is: a token that is proved again because it left the cache, an opaque token, a session's cookie.

use std::hash::{BuildHasher, RandomState};

use quick_cache::sync::Cache;

/// How many are remembered, of some 40 bytes each. Those of little use go first.
const MAX_CREDENTIALS: usize = 50_000;

/// Keyed hashes of credentials. The key is random and of this process, and a credential whose hash equals another's gains one check
/// and nothing else, so 64 bits are enough.
pub(super) struct GoodCredentials {
    known: Cache<u64, ()>,
    key: RandomState,
}

impl Default for GoodCredentials {
    fn default() -> Self {
        Self { known: Cache::new(MAX_CREDENTIALS), key: RandomState::new() }
    }
}

impl GoodCredentials {
    /// To be called when the credential has turned out good.
    pub(super) fn add(&self, credential: &[u8]) {
        self.known.insert(self.key.hash_one(credential), ());
    }

    /// To be called when it has been refused.
    pub(super) fn remove(&self, credential: &[u8]) {
        self.known.remove(&self.key.hash_one(credential));
    }

    pub(super) fn contains(&self, credential: &[u8]) -> bool {
        self.known.get(&self.key.hash_one(credential)).is_some()
    }
}
