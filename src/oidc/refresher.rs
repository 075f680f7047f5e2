//! The one task per issuer that fetches its keys. All fetches happen here one after the other, so no two are ever in flight.
//!
//! A failed attempt, or a document without a usable key, leaves the keys at hand as they are. A good document replaces them whole: a
//! key that its issuer has withdrawn is gone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};

use super::fetch::FETCH_TIMEOUT;
use super::jwk::Inadmissible;
use super::key_document::{KeyDocument, Reasons};
use super::key_set::{Attempt, Shared, Snapshot, closes_at};
use super::provider::{Provider, ProviderError};
use super::{FetchLease, KeySetStore, LeaseEnd, LeaseRequest, StoredKeySet};

/// Between good attempts, give or take a tenth, so that replicas do not ask all at once.
const REFRESH_SECONDS: f64 = 600.0;
/// After a failed attempt, or up to a tenth more: never within the cooldown.
const RETRY_SECONDS: f64 = 30.0;

/// Where replicas share a store: keys that another fetched in this part of the time between two attempts are good instead.
const SHARED_PART: f64 = 0.8;
/// Right after the start keys are taken from others only if they are as new as this.
const NEW_SECONDS: f64 = 30.0;
/// How often it is asked whether another replica has fetched.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Why keys are fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It was time to.
    Schedule,
    /// A reader lacked a key.
    Reader,
}

/// How an attempt ended.
struct Outcome {
    finished_at: DateTime<Utc>,
    error: Option<ProviderError>,
}

/// Fetches until it is dropped.
pub(super) struct Refresher {
    provider: Provider,
    store: Arc<dyn KeySetStore>,
    shared: Arc<Shared>,
}

impl Refresher {
    pub(super) fn new(provider: Provider, store: Arc<dyn KeySetStore>, shared: Arc<Shared>) -> Self {
        Self { provider, store, shared }
    }

    pub(super) async fn run(self) {
        self.restore().await;
        let (mut cause, mut fresh_for) = (Cause::Schedule, seconds(NEW_SECONDS));
        loop {
            let outcome = self.refresh(cause, fresh_for).await;
            fresh_for = seconds(REFRESH_SECONDS * SHARED_PART);
            // Counted from the attempt itself: what follows it, keeping the set above all, takes time too.
            let finished_at = outcome.finished_at;
            let pause = match outcome.error {
                None => seconds(REFRESH_SECONDS * (0.9 + 0.2 * random_fraction())),
                Some(error) => {
                    tracing::warn!(issuer = self.provider.issuer(), %error, "an issuer's keys could not be fetched");
                    seconds(RETRY_SECONDS * (1.0 + 0.1 * random_fraction()))
                }
            };
            cause = self.rest(finished_at + pause).await;
        }
    }

    /// Takes up the keys that were kept, if they are not too old.
    async fn restore(&self) {
        let issuer = self.provider.issuer();
        let stored = match self.store.load(issuer).await {
            Ok(stored) => stored,
            Err(error) => return tracing::warn!(issuer, error, "the kept key set could not be read"),
        };
        let Some(StoredKeySet { document, fetched_at }) = stored else { return };
        // A time to come, written by a clock that was ahead, must not lengthen the life of the keys.
        let now = self.shared.clock.now();
        let fetched_at = fetched_at.min(now);
        if closes_at(fetched_at) <= now {
            return;
        }
        match self.provider.parse_keys(&document) {
            Ok(keys) => self.publish(document, keys, fetched_at),
            Err(error) => tracing::warn!(issuer, %error, "the kept key set cannot be used"),
        }
    }

    /// Fetches, or takes what another replica has fetched meanwhile.
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

    /// Waits until it is known whose turn it is, but not for ever: whoever has it may be gone, or the store out of reach.
    async fn lease(&self, cause: Cause, fresh_for: Duration) -> FetchLease {
        let issuer = self.provider.issuer();
        let asked_at = self.shared.clock.now();
        let asking = async {
            loop {
                let request = LeaseRequest {
                    fetched_at: self.shared.snapshot().map(|snapshot| snapshot.fetched_at),
                    asked_at,
                    fresh_since: asked_at - fresh_for,
                    requested_by_reader: cause == Cause::Reader,
                    now: self.shared.clock.now(),
                };
                match self.store.take_lease(issuer, request).await {
                    // What others do takes its time by every clock.
                    Ok(FetchLease::HeldElsewhere) => tokio::time::sleep(ASK_EVERY).await,
                    Ok(lease) => return lease,
                    Err(error) => {
                        tracing::warn!(issuer, error, "whether another replica fetches could not be found out");
                        return FetchLease::Acquired;
                    }
                }
            }
        };
        tokio::time::timeout(FETCH_TIMEOUT, asking).await.unwrap_or(FetchLease::Acquired)
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
            self.keep(StoredKeySet { document, fetched_at: finished_at }).await;
        }
        let end =
            LeaseEnd { at: finished_at, requested_by_reader: cause == Cause::Reader, has_failed: error.is_some() };
        if let Err(error) = self.store.end_lease(self.provider.issuer(), end).await {
            tracing::warn!(issuer = self.provider.issuer(), error, "other replicas could not be told of a fetch");
        }
        Outcome { finished_at, error }
    }

    /// Wakes the readers that wait for the attempt.
    fn announce(&self, cause: Cause, finished_at: DateTime<Utc>, error: Option<&ProviderError>) {
        let tires = cause == Cause::Reader || error.is_some();
        self.shared.attempts.send_modify(|latest| {
            let (number, failures, before) = latest
                .as_ref()
                .map_or((0, 0, None), |attempt| (attempt.number, attempt.failures, attempt.resting_since));
            let resting_since = if tires { Some(finished_at) } else { before };
            let (number, failures) = (number + 1, failures + u64::from(error.is_some()));
            *latest = Some(Attempt { number, failures, error: error.map(ToString::to_string), resting_since });
        });
    }

    async fn keep(&self, key_set: StoredKeySet) {
        let issuer = self.provider.issuer();
        if let Err(error) = self.store.save(issuer, key_set).await {
            tracing::warn!(issuer, error, "the key set could not be kept for the next start");
        }
    }

    /// Puts `keys` in place of those at hand, and tells the operator if they differ.
    fn publish(&self, document: String, keys: KeyDocument, fetched_at: DateTime<Utc>) {
        let KeyDocument { keys, skipped } = keys;
        let usable = keys.len();
        // Nobody else publishes, so this is the one that will have been before.
        let previous = self.shared.snapshot();
        let is_news = previous.as_ref().is_none_or(|previous| previous.document != document);
        let edition = previous.map_or(0, |previous| previous.edition) + u64::from(is_news);
        self.shared.publish(Snapshot::new(keys, document, edition, fetched_at));
        if !is_news {
            return;
        }
        let issuer = self.provider.issuer();
        tracing::info!(issuer, usable, "an issuer's key set has changed");
        if !skipped.is_empty() {
            tracing::warn!(issuer, skipped = %Reasons(&skipped), "keys of an issuer's key set were passed over");
        }
        if skipped.contains_key(&Inadmissible::PrivateMember) {
            tracing::error!(issuer, "an issuer publishes a private or symmetric key: it must be considered stolen");
        }
    }

    /// Returns when `due` has come, or earlier if a reader waits for the attempt after the latest one; tells which.
    async fn rest(&self, due: DateTime<Utc>) -> Cause {
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

/// From 0 up to 1. Without randomness there is no jitter, which is no reason to fail.
fn random_fraction() -> f64 {
    let mut octet = [0];
    let _ = rand::fill(&mut octet);
    f64::from(octet[0]) / 256.0
}
