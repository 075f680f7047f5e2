//! Where the last good key sets are kept, so that a restart during an outage of the provider still verifies.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

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

/// Why somebody wants to fetch, and what they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// When the keys at hand were fetched, if there are any.
    pub fetched_at: Option<DateTime<Utc>>,
    /// When it was first asked for this turn.
    pub asked_at: DateTime<Utc>,
    /// Keys fetched since then are as good as a fetch of one's own.
    pub fresh_since: DateTime<Utc>,
    /// Whether somebody lacks a key, and not only time has passed.
    pub requested_by_reader: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Whose turn it is to fetch, where several processes share a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchLease {
    /// The asker's. Others wait for what comes of it.
    Acquired,
    /// Another's: ask again.
    HeldElsewhere,
    /// Nobody's: another has fetched just now. What it got, if that is newer than what the asker has, and when that ended.
    Settled(Option<StoredKeySet>, DateTime<Utc>),
    /// Nobody's: another has just failed.
    Failed,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether somebody lacked a key.
    pub requested_by_reader: bool,
    /// Whether nothing was got.
    pub has_failed: bool,
}

/// Keeps one key set per issuer. Whatever it returns is judged like a document from the network.
pub trait KeySetStore: Send + Sync + 'static {
    /// The set kept for `issuer`, if there is one.
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>>;

    /// Keeps `key_set` for `issuer` in place of what was kept before.
    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Asks for the turn to fetch, where other processes share the store. It ends with [`end_lease`](Self::end_lease), or by itself.
    fn take_lease<'a>(
        &'a self,
        _issuer: &'a str,
        _request: LeaseRequest,
    ) -> BoxFuture<'a, Result<FetchLease, StoreError>> {
        ready(Ok(FetchLease::Acquired)).boxed()
    }

    /// Lets others have their turn, after what was got has been kept.
    fn end_lease<'a>(&'a self, _issuer: &'a str, _end: LeaseEnd) -> BoxFuture<'a, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
