//! The background task that fetches an issuer's key set. It runs one fetch at a time.
//!
//! A failed attempt, or a document without a usable key, keeps the current keys. A usable document replaces all of them, so that a
//! withdrawn key is no longer accepted.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};

use super::discovery::{Provider, ProviderError};
use super::fetch::FETCH_TIMEOUT;
use super::key_document::{KeyDocument, Reasons};
use super::key_set_state::{Attempt, Shared, Snapshot, closes_at};
use crate::jose::jwk::Inadmissible;
use crate::oidc::{FetchLease, KeySetStore, LeaseEnd, LeaseRequest, StoredKeySet};

/// The interval after a successful attempt, plus or minus a tenth, so that replicas do not fetch at the same time.
const REFRESH_SECONDS: f64 = 600.0;
/// The interval after a failed attempt, plus up to a tenth: never within the cooldown.
const RETRY_SECONDS: f64 = 30.0;

/// If replicas share a store: keys that another replica fetched within this fraction of the interval replace a fetch.
const SHARED_FRACTION: f64 = 0.8;
/// The maximum age of another replica's keys that replace the first fetch after the start.
const FIRST_FRESH_SECONDS: f64 = 30.0;
/// The polling interval while another replica holds the lease.
const LEASE_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The reason for a fetch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The interval has passed.
    Schedule,
    /// A reader needs an unknown key.
    Reader,
}

/// The result of an attempt.
struct Outcome {
    finished_at: DateTime<Utc>,
    error: Option<ProviderError>,
}

/// The task's state; [`run`](Self::run) fetches until it is dropped.
pub(crate) struct Refresher {
    provider: Provider,
    store: Arc<dyn KeySetStore>,
    shared: Arc<Shared>,
}

impl Refresher {
    pub(crate) fn new(provider: Provider, store: Arc<dyn KeySetStore>, shared: Arc<Shared>) -> Self {
        Self { provider, store, shared }
    }

    pub(crate) async fn run(self) {
        self.restore().await;
        let (mut cause, mut fresh_for) = (Cause::Schedule, seconds(FIRST_FRESH_SECONDS));
        loop {
            let outcome = self.refresh(cause, fresh_for).await;
            fresh_for = seconds(REFRESH_SECONDS * SHARED_FRACTION);
            // The interval starts at the end of the fetch: storing the set afterwards takes time too.
            let finished_at = outcome.finished_at;
            let pause = match outcome.error {
                None => seconds(REFRESH_SECONDS * (0.9 + 0.2 * random_fraction())),
                Some(error) => {
                    tracing::warn!(issuer = self.provider.issuer(), %error, "failed to fetch the key set");
                    seconds(RETRY_SECONDS * (1.0 + 0.1 * random_fraction()))
                }
            };
            cause = self.wait_for_next(finished_at + pause).await;
        }
    }

    /// Publishes the stored keys, unless they are too old.
    async fn restore(&self) {
        let issuer = self.provider.issuer();
        let stored = match self.store.load(issuer).await {
            Ok(stored) => stored,
            Err(error) => return tracing::warn!(issuer, error, "failed to load the stored key set"),
        };
        let Some(StoredKeySet { document, fetched_at }) = stored else { return };
        // A future time, written by a clock that was ahead, must not extend the use of the keys.
        let now = self.shared.clock.now();
        let fetched_at = fetched_at.min(now);
        if closes_at(fetched_at) <= now {
            return;
        }
        match self.provider.parse_keys(&document) {
            Ok(keys) => self.publish(document, keys, fetched_at),
            Err(error) => tracing::warn!(issuer, %error, "the stored key set is unusable"),
        }
    }

    /// Fetches the keys, or adopts those that another replica has fetched meanwhile.
    async fn refresh(&self, cause: Cause, fresh_for: Duration) -> Outcome {
        match self.lease(cause, fresh_for).await {
            FetchLease::Settled(newer, finished_at) => self.adopt(cause, newer, finished_at),
            FetchLease::Failed => {
                let (finished_at, error) = (self.shared.clock.now(), ProviderError::FailedElsewhere);
                self.announce(cause, finished_at, Some(&error));
                Outcome { finished_at, error: Some(error) }
            }
            FetchLease::Acquired | FetchLease::HeldElsewhere => self.fetch(cause).await,
        }
    }

    /// Requests the fetch lease, and polls while another replica holds it. After the timeout it counts as acquired: the holder may have
    /// stopped, or the store may be unavailable.
    async fn lease(&self, cause: Cause, fresh_for: Duration) -> FetchLease {
        let issuer = self.provider.issuer();
        let asked_at = self.shared.clock.now();
        let polling = async {
            loop {
                let request = LeaseRequest {
                    fetched_at: self.shared.snapshot().map(|snapshot| snapshot.fetched_at),
                    asked_at,
                    fresh_since: asked_at - fresh_for,
                    requested_by_reader: cause == Cause::Reader,
                    now: self.shared.clock.now(),
                };
                match self.store.take_lease(issuer, request).await {
                    // Real time, not the injected clock: the other replica's fetch takes real time.
                    Ok(FetchLease::HeldElsewhere) => tokio::time::sleep(LEASE_POLL_INTERVAL).await,
                    Ok(lease) => return lease,
                    Err(error) => {
                        tracing::warn!(issuer, error, "failed to request the fetch lease");
                        return FetchLease::Acquired;
                    }
                }
            }
        };
        tokio::time::timeout(FETCH_TIMEOUT, polling).await.unwrap_or(FetchLease::Acquired)
    }

    fn adopt(&self, cause: Cause, newer: Option<StoredKeySet>, finished_at: DateTime<Utc>) -> Outcome {
        let parsed = newer.map(|StoredKeySet { document, fetched_at }| {
            let keys = self.provider.parse_keys(&document).map_err(ProviderError::BadKeptKeys)?;
            self.publish(document, keys, fetched_at);
            Ok(())
        });
        let error = parsed.transpose().err();
        self.announce(cause, finished_at, error.as_ref());
        Outcome { finished_at, error }
    }

    async fn fetch(&self, cause: Cause) -> Outcome {
        let fetched = self.provider.fetch_keys().await;
        let finished_at = self.shared.clock.now();
        let (document, error) = match fetched {
            Ok((document, keys)) => {
                self.publish(document.clone(), keys, finished_at);
                (Some(document), None)
            }
            Err(error) => (None, Some(error)),
        };
        self.announce(cause, finished_at, error.as_ref());
        if let Some(document) = document {
            self.save(StoredKeySet { document, fetched_at: finished_at }).await;
        }
        let end =
            LeaseEnd { at: finished_at, requested_by_reader: cause == Cause::Reader, has_failed: error.is_some() };
        if let Err(error) = self.store.end_lease(self.provider.issuer(), end).await {
            tracing::warn!(issuer = self.provider.issuer(), error, "failed to release the fetch lease");
        }
        Outcome { finished_at, error }
    }

    /// Records the attempt and wakes the readers that wait for it.
    fn announce(&self, cause: Cause, finished_at: DateTime<Utc>, error: Option<&ProviderError>) {
        let starts_cooldown = cause == Cause::Reader || error.is_some();
        self.shared.attempts.send_modify(|latest| {
            let (number, failures, before) = latest
                .as_ref()
                .map_or((0, 0, None), |attempt| (attempt.number, attempt.failures, attempt.cooldown_since));
            let cooldown_since = if starts_cooldown { Some(finished_at) } else { before };
            let (number, failures) = (number + 1, failures + u64::from(error.is_some()));
            *latest = Some(Attempt { number, failures, error: error.map(ToString::to_string), cooldown_since });
        });
    }

    async fn save(&self, key_set: StoredKeySet) {
        let issuer = self.provider.issuer();
        if let Err(error) = self.store.save(issuer, key_set).await {
            tracing::warn!(issuer, error, "failed to store the key set");
        }
    }

    /// Replaces the current keys, and logs a change.
    fn publish(&self, document: String, keys: KeyDocument, fetched_at: DateTime<Utc>) {
        let KeyDocument { keys, skipped } = keys;
        let usable = keys.len();
        // This task is the only publisher, so the previous snapshot cannot change meanwhile.
        let previous = self.shared.snapshot();
        let has_changed = previous.as_ref().is_none_or(|previous| previous.document != document);
        let edition = previous.map_or(0, |previous| previous.edition) + u64::from(has_changed);
        self.shared.publish(Snapshot::new(keys, document, edition, fetched_at));
        if !has_changed {
            return;
        }
        let issuer = self.provider.issuer();
        tracing::info!(issuer, usable, "key set changed");
        if !skipped.is_empty() {
            tracing::warn!(issuer, skipped = %Reasons(&skipped), "skipped keys of the key set");
        }
        if skipped.contains_key(&Inadmissible::PrivateMember) {
            tracing::error!(issuer, "the issuer publishes a private or symmetric key: treat it as compromised");
        }
    }

    /// Waits until `due`, or until a reader requests the next attempt. Returns which of them happened.
    async fn wait_for_next(&self, due: DateTime<Utc>) -> Cause {
        let left = (due - self.shared.clock.now()).to_std().unwrap_or_default();
        let finished = self.shared.attempts.borrow().as_ref().map_or(0, |attempt| attempt.number);
        let mut wanted = self.shared.wanted.subscribe();
        let wanted = pin!(wanted.wait_for(|wanted| *wanted > finished));
        match select(pin!(self.shared.clock.sleep(left)), wanted).await {
            Either::Left(_) => Cause::Schedule,
            Either::Right(_) => Cause::Reader,
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Returns a number from 0 up to 1. Without a random source there is no jitter, which is not an error.
fn random_fraction() -> f64 {
    let mut octet = [0];
    let _ = rand::fill(&mut octet);
    f64::from(octet[0]) / 256.0
}
