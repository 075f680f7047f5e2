//! The state of a key set, which its readers and its refresher share: the current keys and the latest attempt to fetch them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::fetch::FETCH_TIMEOUT;
use super::issuer_status::KeyEdition;
use crate::Clock;
use crate::jose::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::oidc::Rejection;

/// The time after an attempt that a reader caused, or that failed, in which readers cannot cause another.
const COOLDOWN: TimeDelta = TimeDelta::seconds(30);

/// The maximum age of keys in use.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);

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
    pub(super) in_use: Arc<KeyEdition>,
    /// The latest attempt. Sent after its snapshot is published.
    pub(crate) attempts: watch::Sender<Option<Attempt>>,
    /// The number of the attempt that a reader waits for. A number instead of a signal, so that a reader served by an attempt in flight
    /// does not cause another.
    pub(crate) wanted: watch::Sender<u64>,
    pub(crate) clock: Clock,
}

impl Shared {
    pub(super) fn new(clock: Clock) -> Self {
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

    pub(super) fn look_up(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerificationKey>, Rejection> {
        match &*self.snapshot.load() {
            Some(snapshot) if !snapshot.is_closed(self.clock.now()) => choose(&snapshot.keys, key_id, algorithm),
            _ => Err(Rejection::KeysUnavailable),
        }
    }

    /// Waits for the next attempt, except during the cooldown. Returns whether the latest attempt succeeded, so that an absent key counts
    /// as not published.
    pub(super) async fn wait_for_fetch(&self) -> bool {
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

    pub(super) fn state(&self) -> KeySetState {
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
pub(super) fn choose(
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
