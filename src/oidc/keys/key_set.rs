//! The key set of one issuer: a snapshot that readers use without waiting, refreshed in the background.
//!
//! Readers of known keys never wait. A reader of an unknown key waits for one fetch, which all such readers share. The cooldown allows
//! no such fetch within 30 seconds after one that readers caused, or one that failed. So a rotation right after a scheduled fetch takes
//! effect at once, and made-up key ids cause at most two fetches a minute. Keys expire 24 hours after the latest successful fetch.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::discovery::Provider;
use super::fetch::FETCH_TIMEOUT;
use super::issuer_status::KeyEdition;
use super::refresher::Refresher;
use crate::Clock;
use crate::jose::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::oidc::{IssuerSettings, KeySetStore, ProviderClient, Rejection};

/// The time after an attempt that a reader caused, or that failed, in which readers cannot cause another.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);
/// The maximum age of keys in use.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);

/// The key set of one issuer. It is refreshed in the background until its last clone is dropped.
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

/// The state of an issuer's key set, for readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetState {
    /// Whether the keys can be used.
    pub condition: KeySetCondition,
    /// The fetch time of the current keys.
    pub fetched_at: Option<DateTime<Utc>>,
    /// The error of the latest attempt, for the operator; `None` if it succeeded.
    pub last_error: Option<String>,
    /// The number of finished attempts.
    pub attempts: u64,
    /// The number of failed attempts.
    pub failures: u64,
}

/// Whether an issuer's keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetCondition {
    /// The latest attempt to fetch them succeeded.
    Fresh,
    /// The keys are in use, but the latest attempt failed, or none has finished since the start.
    Stale,
    /// The keys are too old to be used.
    Closed,
    /// There are no keys yet.
    Empty,
}

impl KeySet {
    /// Starts the refresher of `issuer` on the current Tokio runtime: it fetches at once, then every ten minutes. Until the first fetch
    /// ends, the stored set of `store` is used.
    ///
    /// # Panics
    ///
    /// Panics outside a Tokio runtime.
    pub fn start(issuer: &IssuerSettings, client: ProviderClient, store: Arc<dyn KeySetStore>, clock: Clock) -> Self {
        let shared = Arc::new(Shared::new(clock));
        let refresher = Refresher::new(Provider::new(issuer, client), store, Arc::clone(&shared));
        let refresher = tokio::spawn(refresher.run()).abort_handle();
        Self(Arc::new(Running { shared, refresher }))
    }

    /// Waits until the first attempt to fetch the keys has finished.
    pub async fn settle(&self) {
        let mut attempts = self.0.shared.attempts.subscribe();
        // Fails only if the sender is dropped, but `self` holds it.
        let _ = attempts.wait_for(Option::is_some).await;
    }

    /// Returns the current state.
    pub fn state(&self) -> KeySetState {
        self.0.shared.state()
    }

    /// Returns the current edition. A token that a key of this edition has verified needs no second verification.
    pub(crate) fn in_use(&self) -> &Arc<KeyEdition> {
        &self.0.shared.in_use
    }

    /// Returns the one key that matches a token's header. Waits for a fetch if the key is unknown and the cooldown is over.
    pub(crate) async fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerificationKey>, Rejection> {
        let shared = &self.0.shared;
        match shared.look_up(key_id, algorithm) {
            Err(Rejection::UnknownKey | Rejection::KeysUnavailable) => {}
            result => return result,
        }
        // Boxed: rarely awaited, and otherwise part of every caller's future.
        let is_up_to_date = Box::pin(shared.wait_for_fetch()).await;
        match shared.look_up(key_id, algorithm) {
            // The issuer may have published the key after the latest successful fetch.
            Err(Rejection::UnknownKey) if !is_up_to_date => Err(Rejection::KeysUnavailable),
            result => result,
        }
    }
}

/// The keys of one usable document.
pub(crate) struct Snapshot {
    pub(crate) keys: Vec<Arc<VerificationKey>>,
    pub(crate) document: String,
    /// Increases with every document that differs from the previous one.
    pub(crate) edition: u64,
    pub(crate) fetched_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
}

impl Snapshot {
    pub(crate) fn new(
        keys: Vec<Arc<VerificationKey>>,
        document: String,
        edition: u64,
        fetched_at: DateTime<Utc>,
    ) -> Self {
        Self { keys, document, edition, fetched_at, closes_at: closes_at(fetched_at) }
    }

    /// Returns whether it is too old to be used.
    pub(crate) fn is_closed(&self, now: DateTime<Utc>) -> bool {
        now >= self.closes_at
    }
}

/// Returns the time at which keys fetched at `fetched_at` expire.
pub(crate) fn closes_at(fetched_at: DateTime<Utc>) -> DateTime<Utc> {
    fetched_at + MAX_AGE
}

/// The latest finished attempt to fetch.
pub(crate) struct Attempt {
    /// The number of this attempt, from 1.
    pub(crate) number: u64,
    /// The number of failed attempts so far.
    pub(crate) failures: u64,
    pub(crate) error: Option<String>,
    /// The start of the cooldown: the end of the latest attempt that readers caused or that failed.
    pub(crate) cooldown_since: Option<DateTime<Utc>>,
}

/// The state that readers and the refresher share.
pub(crate) struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    in_use: Arc<KeyEdition>,
    /// The latest attempt. Sent after its snapshot is published.
    pub(crate) attempts: watch::Sender<Option<Attempt>>,
    /// The number of the attempt that a reader waits for. A number instead of a signal, so that a reader served by an attempt in flight
    /// does not cause another.
    pub(crate) wanted: watch::Sender<u64>,
    pub(crate) clock: Clock,
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

    /// Returns the current keys.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Replaces the current keys by `snapshot`.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
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

    /// Waits for the next attempt, except during the cooldown. Returns whether the latest attempt succeeded, so that an absent key counts
    /// as not published.
    async fn wait_for_fetch(&self) -> bool {
        let mut attempts = self.attempts.subscribe();
        // Marks the latest attempt as seen: each later one wakes this reader.
        let awaited = self.next_attempt(attempts.borrow_and_update().as_ref());
        if let Some(number) = awaited {
            self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, number.max(*wanted)) < number);
            let next = tokio::time::timeout(FETCH_TIMEOUT, attempts.changed()).await;
            if !matches!(next, Ok(Ok(()))) {
                return false;
            }
        }
        attempts.borrow().as_ref().is_some_and(|attempt| attempt.error.is_none())
    }

    /// Returns the number of the attempt to wait for; `None` during the cooldown. A clock that is set back ends the cooldown.
    fn next_attempt(&self, latest: Option<&Attempt>) -> Option<u64> {
        let Some(Attempt { number, cooldown_since, .. }) = latest else { return Some(1) };
        let is_cooling_down = cooldown_since.is_some_and(|since| {
            let elapsed = self.clock.now() - since;
            (TimeDelta::zero()..COOLDOWN).contains(&elapsed)
        });
        (!is_cooling_down).then_some(number + 1)
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

/// Returns the key with this id and algorithm. Type, curve, use and operations were checked at admission, which left one entry per
/// algorithm. A header without a key id matches any key of its algorithm, and must match exactly one.
fn choose(
    keys: &[Arc<VerificationKey>],
    key_id: Option<&str>,
    algorithm: Algorithm,
) -> Result<Arc<VerificationKey>, Rejection> {
    let is_named = |key: &&Arc<VerificationKey>| key_id.is_none() || key.key_id.as_deref() == key_id;
    let mut matching = keys.iter().filter(is_named).filter(|key| key.algorithm == algorithm);
    match (matching.next(), matching.next()) {
        (Some(key), None) => Ok(Arc::clone(key)),
        (Some(_), Some(_)) => Err(Rejection::AmbiguousKey),
        // The key is known but has another algorithm: a fetch would not help.
        (None, _) if key_id.is_some() && keys.iter().any(|key| is_named(&key)) => Err(Rejection::KeyMismatch),
        (None, _) => Err(Rejection::UnknownKey),
    }
}

#[cfg(test)]
mod tests;
