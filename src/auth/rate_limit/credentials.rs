//! Credentials that were good the last time they came.
//!
//! An address whose budget is spent may belong to many people, of whom one guesses. Those whose credential is known to be good are
//! served as before, whatever kind it is: a token that is proved again because it left the cache, an opaque token, a session's cookie.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use quick_cache::sync::Cache;

/// How many are remembered, of some 80 bytes each. Those of little use go first.
const MAX_CREDENTIALS: usize = 50_000;
/// How many checks of one credential may be under way past a spent budget: as many as a page asks for at once. So one that has just
/// ended costs no more than these beyond the budget, however many requests come with it.
pub(super) const AT_ONCE: u32 = 8;

/// Keyed hashes of credentials. The key is random and of this process, and a credential whose hash equals another's gains a check and
/// nothing else, so 64 bits are enough.
pub(super) struct GoodCredentials {
    /// Each with the number of its checks that are under way.
    known: Cache<u64, Arc<AtomicU32>>,
    key: RandomState,
}

/// One check of a credential past a spent budget, until it is dropped.
pub(super) struct Pass(Arc<AtomicU32>);

impl Default for GoodCredentials {
    fn default() -> Self {
        Self { known: Cache::new(MAX_CREDENTIALS), key: RandomState::new() }
    }
}

impl GoodCredentials {
    /// To be called when the credential has turned out good.
    pub(super) fn add(&self, credential: &[u8]) {
        let hash = self.key.hash_one(credential);
        let Ok(_) = self.known.get_or_insert_with(&hash, || Ok::<_, Infallible>(Arc::default()));
    }

    /// To be called when it has been refused.
    pub(super) fn remove(&self, credential: &[u8]) {
        self.known.remove(&self.key.hash_one(credential));
    }

    /// The right to check the credential, where it was good the last time and not too many checks of it are under way.
    pub(super) fn pass(&self, credential: &[u8]) -> Option<Pass> {
        let checks = self.known.get(&self.key.hash_one(credential))?;
        let before = checks.fetch_add(1, Ordering::AcqRel);
        // Counted back, if it is one too many, by being dropped.
        Some(Pass(checks)).filter(|_| before < AT_ONCE)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_credential_passes_until_it_is_refused_and_some_checks_at_once() {
        let good = GoodCredentials::default();
        assert!(good.pass(b"one").is_none());
        good.add(b"one");
        let passes: Vec<_> = (0..AT_ONCE).map(|_| good.pass(b"one").unwrap()).collect();
        good.add(b"one");
        assert!(good.pass(b"one").is_none() && good.pass(b"other").is_none());
        drop(passes);
        assert!(good.pass(b"one").is_some());
        good.remove(b"one");
        assert!(good.pass(b"one").is_none());
    }

    #[test]
    fn number_of_remembered_credentials_is_bounded() {
        let good = GoodCredentials::default();
        (0..2 * u64::try_from(MAX_CREDENTIALS).unwrap()).for_each(|number| good.add(&number.to_be_bytes()));
        assert!(good.known.len() <= MAX_CREDENTIALS);
    }
}
