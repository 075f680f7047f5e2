//! Where the last good key sets are kept, so that a restart during an outage of the provider still verifies.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

/// A key set document as the provider served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKeySet {
    /// The JSON text.
    pub document: String,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
}

/// Why a store could not answer; logged, and nothing else comes of it.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Keeps one key set per issuer. Whatever it returns is judged like a document from the network.
pub trait KeySetStore: Send + Sync + 'static {
    /// The set kept for `issuer`, if there is one.
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>>;

    /// Keeps `key_set` for `issuer` in place of what was kept before.
    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>>;
}
