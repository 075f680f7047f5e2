//! Storage of the latest key sets, so that a restart during a provider outage can still verify tokens.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

/// A key set document, exactly as served by the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKeySet {
    /// The JSON text.
    pub document: String,
    /// The time of the fetch.
    pub fetched_at: DateTime<Utc>,
}

/// The error of a store. It is logged and otherwise ignored.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// A request for the lease to fetch an issuer's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The fetch time of the current keys, if any.
    pub fetched_at: Option<DateTime<Utc>>,
    /// The time of the first request for this lease.
    pub asked_at: DateTime<Utc>,
    /// Keys that another process fetched since then replace a fetch.
    pub fresh_since: DateTime<Utc>,
    /// Whether a reader needs an unknown key; otherwise the fetch is scheduled.
    pub requested_by_reader: bool,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// The state of the fetch lease, where several processes share a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchLease {
    /// The requester holds the lease. Other processes wait for its result.
    Acquired,
    /// Another process holds the lease: ask again.
    HeldElsewhere,
    /// The lease is free, because another process has just fetched: the fetched set, if it is newer than the requester's, and the end of
    /// that fetch.
    Settled(Option<StoredKeySet>, DateTime<Utc>),
    /// The lease is free, because another process has just failed to fetch.
    Failed,
}

/// The outcome of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseEnd {
    /// The end of the fetch.
    pub at: DateTime<Utc>,
    /// Whether a reader needed an unknown key.
    pub requested_by_reader: bool,
    /// Whether the fetch failed.
    pub has_failed: bool,
}

/// A store of one key set per issuer. Its documents are checked like those from the network.
pub trait KeySetStore: Send + Sync + 'static {
    /// Returns the stored set of `issuer`, if any.
    fn load<'a>(&'a self, issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>>;

    /// Stores `key_set` for `issuer`, and replaces the previous one.
    fn save<'a>(&'a self, issuer: &'a str, key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Requests the fetch lease, where other processes share the store. It ends with [`end_lease`](Self::end_lease), or expires.
    fn take_lease<'a>(
        &'a self,
        _issuer: &'a str,
        _request: LeaseRequest,
    ) -> BoxFuture<'a, Result<FetchLease, StoreError>> {
        ready(Ok(FetchLease::Acquired)).boxed()
    }

    /// Releases the lease, after the fetched set has been stored.
    fn end_lease<'a>(&'a self, _issuer: &'a str, _end: LeaseEnd) -> BoxFuture<'a, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
