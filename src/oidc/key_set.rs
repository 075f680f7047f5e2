//! The keys of one issuer: a snapshot that readers use without waiting, replaced in the background.
//!
//! Holders of known keys never wait. A key that is not known makes the reader wait for one fetch, which all such readers share, and
//! only if none that readers caused, and none that failed, has finished in the last 30 seconds: a provider that rotates right after a
//! scheduled fetch is not made to wait, and strangers with made-up key ids cause two fetches a minute at the most. Past 24 hours without a good fetch the keys are not used any more.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::fetch::FETCH_TIMEOUT;
use super::issuer_status::KeyEdition;
use super::jwk::VerificationKey;
use super::provider::Provider;
use super::refresher::Refresher;
use super::{Algorithm, IssuerSettings, KeySetStore, ProviderClient, Rejection};
use crate::Clock;

/// How long after an attempt that a reader caused, good or bad, or one that failed, no reader can cause another.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);
/// How long keys are used without a good fetch.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);

/// The keys of one issuer, kept fresh in the background for as long as a clone of this lives.
#[derive(Clone)]
pub struct KeySet(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    refresher: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.refresher.abort();
    }
}

/// How an issuer's keys stand, for readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetState {
    /// Whether there are keys, and how good they are.
    pub condition: KeySetCondition,
    /// When the keys at hand were fetched.
    pub fetched_at: Option<DateTime<Utc>>,
    /// Why the latest attempt failed, for the operator; `None` if it did not.
    pub last_error: Option<String>,
    /// How many attempts to fetch them have ended.
    pub attempts: u64,
    /// How many of these have failed.
    pub failures: u64,
}

/// Whether an issuer's keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetCondition {
    /// The latest attempt to fetch them succeeded.
    Fresh,
    /// They are used, though the latest attempt failed, or none has finished since the start.
    Stale,
    /// They are too old to be used.
    Closed,
    /// None were ever had.
    Empty,
}

impl KeySet {
    /// Starts to fetch the keys of `issuer`: at once, then every ten minutes, on the current Tokio runtime. Until the first fetch
    /// ends, the set that `store` has kept is used.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn start(issuer: &IssuerSettings, client: ProviderClient, store: Arc<dyn KeySetStore>, clock: Clock) -> Self {
        let shared = Arc::new(Shared::new(clock));
        let refresher = Refresher::new(Provider::new(issuer, client), store, Arc::clone(&shared));
        let refresher = tokio::spawn(refresher.run()).abort_handle();
        Self(Arc::new(Running { shared, refresher }))
    }

    /// Returns once an attempt to fetch the keys has finished, be it before or after this.
    pub async fn settle(&self) {
        let mut attempts = self.0.shared.attempts.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = attempts.wait_for(Option::is_some).await;
    }

    /// How the keys stand.
    pub fn state(&self) -> KeySetState {
        self.0.shared.state()
    }

    /// Which keys these are, while they can be used: what a key of this edition has verified, it would verify again.
    pub(super) fn in_use(&self) -> &Arc<KeyEdition> {
        &self.0.shared.in_use
    }

    /// The one key that fits what a header says.
    pub(super) async fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerificationKey>, Rejection> {
        let shared = &self.0.shared;
        match shared.look_up(key_id, algorithm) {
            Err(Rejection::UnknownKey | Rejection::KeysUnavailable) => {}
            settled => return settled,
        }
        // Boxed: it is rarely waited for, and those who need not would carry it along.
        let is_up_to_date = Box::pin(shared.catch_up()).await;
        match shared.look_up(key_id, algorithm) {
            // The issuer may have published the key where we could not see it.
            Err(Rejection::UnknownKey) if !is_up_to_date => Err(Rejection::KeysUnavailable),
            settled => settled,
        }
    }
}

/// The keys of one good document.
pub(super) struct Snapshot {
    pub(super) keys: Vec<Arc<VerificationKey>>,
    pub(super) document: String,
    /// Moves with every document that differs from the one before.
    pub(super) edition: u64,
    pub(super) fetched_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
}

impl Snapshot {
    pub(super) fn new(
        keys: Vec<Arc<VerificationKey>>,
        document: String,
        edition: u64,
        fetched_at: DateTime<Utc>,
    ) -> Self {
        Self { keys, document, edition, fetched_at, closes_at: closes_at(fetched_at) }
    }

    /// Whether it is too old to be used.
    pub(super) fn is_closed(&self, now: DateTime<Utc>) -> bool {
        now >= self.closes_at
    }
}

/// From when on keys that were fetched then are not used any more.
pub(super) fn closes_at(fetched_at: DateTime<Utc>) -> DateTime<Utc> {
    fetched_at + MAX_AGE
}

/// The latest finished attempt to fetch.
pub(super) struct Attempt {
    /// Counts the attempts, from 1.
    pub(super) number: u64,
    /// Counts those that failed.
    pub(super) failures: u64,
    pub(super) error: Option<String>,
    /// When the latest attempt finished that readers caused or that failed: from then on readers have to wait for the next.
    pub(super) resting_since: Option<DateTime<Utc>>,
}

/// What readers and the refresher share.
pub(super) struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    in_use: Arc<KeyEdition>,
    /// The latest attempt. Sent after the snapshot it led to.
    pub(super) attempts: watch::Sender<Option<Attempt>>,
    /// The number of the attempt that some reader waits for. A number and no mere signal, so that what an attempt has settled that was
    /// under way already does not cause another.
    pub(super) wanted: watch::Sender<u64>,
    pub(super) clock: Clock,
}

impl Shared {
    fn new(clock: Clock) -> Self {
        Self {
            snapshot: ArcSwapOption::empty(),
            in_use: Arc::default(),
            attempts: watch::Sender::new(None),
            wanted: watch::Sender::new(0),
            clock,
        }
    }

    /// The keys at hand.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Puts `snapshot` in place of the keys at hand.
    pub(super) fn publish(&self, snapshot: Snapshot) {
        let (edition, closes_at) = (snapshot.edition, snapshot.closes_at);
        self.snapshot.store(Some(Arc::new(snapshot)));
        self.in_use.publish(edition, closes_at);
    }

    fn look_up(&self, key_id: Option<&str>, algorithm: Algorithm) -> Result<Arc<VerificationKey>, Rejection> {
        match &*self.snapshot.load() {
            Some(snapshot) if !snapshot.is_closed(self.clock.now()) => choose(&snapshot.keys, key_id, algorithm),
            _ => Err(Rejection::KeysUnavailable),
        }
    }

    /// Waits for the next attempt, unless one has just finished. Whether the latest attempt was good and recent enough to say that a
    /// key is not published.
    async fn catch_up(&self) -> bool {
        let mut attempts = self.attempts.subscribe();
        // Seen and judged as one: an attempt that finishes from here on wakes us.
        let awaited = self.awaited(attempts.borrow_and_update().as_ref());
        if let Some(number) = awaited {
            self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, number.max(*wanted)) < number);
            let next = tokio::time::timeout(FETCH_TIMEOUT, attempts.changed()).await;
            if !matches!(next, Ok(Ok(()))) {
                return false;
            }
        }
        attempts.borrow().as_ref().is_some_and(|attempt| attempt.error.is_none())
    }

    /// The number of the attempt to wait for; `None` while no reader may cause one. A clock that was set back ends the cooldown.
    fn awaited(&self, latest: Option<&Attempt>) -> Option<u64> {
        let Some(Attempt { number, resting_since, .. }) = latest else { return Some(1) };
        let is_resting = resting_since.is_some_and(|since| {
            let rested = self.clock.now() - since;
            (TimeDelta::zero()..COOLDOWN).contains(&rested)
        });
        (!is_resting).then_some(number + 1)
    }

    fn state(&self) -> KeySetState {
        let snapshot = self.snapshot.load();
        let latest = self.attempts.borrow();
        let has_succeeded = latest.as_ref().is_some_and(|attempt| attempt.error.is_none());
        let condition = match &*snapshot {
            None => KeySetCondition::Empty,
            Some(snapshot) if snapshot.is_closed(self.clock.now()) => KeySetCondition::Closed,
            Some(_) if has_succeeded => KeySetCondition::Fresh,
            Some(_) => KeySetCondition::Stale,
        };
        let (attempts, failures) = latest.as_ref().map_or((0, 0), |attempt| (attempt.number, attempt.failures));
        let last_error = latest.as_ref().and_then(|attempt| attempt.error.clone());
        let fetched_at = snapshot.as_ref().map(|snapshot| snapshot.fetched_at);
        KeySetState { condition, fetched_at, last_error, attempts, failures }
    }
}

/// A full match: type, curve, use and operations were judged at admission, which left one entry per algorithm. A header without
/// key id fits any key of its algorithm, and must fit exactly one.
fn choose(
    keys: &[Arc<VerificationKey>],
    key_id: Option<&str>,
    algorithm: Algorithm,
) -> Result<Arc<VerificationKey>, Rejection> {
    let is_named = |key: &&Arc<VerificationKey>| key_id.is_none() || key.key_id.as_deref() == key_id;
    let mut fitting = keys.iter().filter(is_named).filter(|key| key.algorithm == algorithm);
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(Arc::clone(key)),
        (Some(_), Some(_)) => Err(Rejection::AmbiguousKey),
        // To fetch again would not help: the key is known, and it is of another algorithm.
        (None, _) if key_id.is_some() && keys.iter().any(|key| is_named(&key)) => Err(Rejection::KeyMismatch),
        (None, _) => Err(Rejection::UnknownKey),
    }
}

#[cfg(test)]
mod tests;
