//! Credentials that were accepted at their last verification.
//!
//! Many clients can share an address whose budget one attacker has exhausted. A client with a credential that was accepted before is still
//! served, for all kinds of credentials: a token that was evicted from the cache, an opaque token, a session cookie.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use quick_cache::sync::Cache;

/// The capacity of the cache, at about 80 bytes an entry. The least useful entries are evicted first.
const MAX_CREDENTIALS: usize = 50_000;
/// The maximum number of concurrent verifications of one credential beyond an exhausted budget: the concurrent requests of a web page. A
/// credential that has just become invalid costs at most this number of verifications beyond the budget.
pub(crate) const AT_ONCE: u32 = 8;

/// Keyed hashes of credentials. The key is random for each process. A hash collision grants a verification and nothing else, so 64 bits
/// suffice.
pub(crate) struct GoodCredentials {
    /// Each entry counts its verifications in progress.
    known: Cache<u64, Arc<AtomicU32>>,
    key: RandomState,
}

/// The permit for one verification beyond an exhausted budget. It is returned on drop.
pub(crate) struct Pass(Arc<AtomicU32>);

impl Default for GoodCredentials {
    fn default() -> Self {
        Self { known: Cache::new(MAX_CREDENTIALS), key: RandomState::new() }
    }
}

impl GoodCredentials {
    /// Adds a credential that was accepted.
    pub(crate) fn add(&self, credential: &[u8]) {
        let hash = self.key.hash_one(credential);
        let Ok(_) = self.known.get_or_insert_with(&hash, || Ok::<_, Infallible>(Arc::default()));
    }

    /// Removes a credential that was refused.
    pub(crate) fn remove(&self, credential: &[u8]) {
        self.known.remove(&self.key.hash_one(credential));
    }

    /// Returns a permit to verify the credential, if it was accepted the last time and fewer than [`AT_ONCE`] verifications of it are in
    /// progress.
    pub(crate) fn pass(&self, credential: &[u8]) -> Option<Pass> {
        let checks = self.known.get(&self.key.hash_one(credential))?;
        let before = checks.fetch_add(1, Ordering::AcqRel);
        // A permit beyond the limit is returned when it is dropped.
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
    fn good_credential_gets_a_limited_number_of_permits_until_it_is_refused() {
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
    fn number_of_kept_credentials_is_bounded() {
        let good = GoodCredentials::default();
        (0..2 * u64::try_from(MAX_CREDENTIALS).unwrap()).for_each(|number| good.add(&number.to_be_bytes()));
        assert!(good.known.len() <= MAX_CREDENTIALS);
    }
}
