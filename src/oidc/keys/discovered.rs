//! A value from an issuer's metadata, fetched on first use and refreshed in the background.
//!
//! All callers share one attempt and its outcome: a provider that hangs delays each caller by one time limit at most. After a failure
//! there is a cooldown of a few seconds, in which callers get the same failure at once. A value older than ten minutes is refreshed in
//! the background, so that a moved endpoint is detected; a failed refresh keeps the current value.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::discovery::{Provider, ProviderError};
use super::fetch::FETCH_TIMEOUT;
use crate::Clock;

/// The age at which a value is refreshed.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// The time without further attempts after a failure: equal to the `Retry-After` that clients receive.
const COOLDOWN: TimeDelta = TimeDelta::seconds(5);

/// A function that reads the value from the provider.
pub(crate) type Read<T> = fn(Arc<Provider>) -> BoxFuture<'static, Result<T, ProviderError>>;

type Outcome<T> = Result<Arc<T>, Arc<ProviderError>>;
type Attempt<T> = Shared<BoxFuture<'static, Outcome<T>>>;

/// A value from an issuer's metadata.
pub(crate) struct Discovered<T>(Arc<Inner<T>>);

struct Inner<T> {
    provider: Arc<Provider>,
    read: Read<T>,
    clock: Clock,
    /// The time limit of one attempt, over all of its requests.
    limit: Duration,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// The value, and the time of its fetch.
    known: Option<(Arc<T>, DateTime<Utc>)>,
    /// The latest failure, and its time.
    failed: Option<(Arc<ProviderError>, DateTime<Utc>)>,
    in_flight: Option<Attempt<T>>,
}

impl<T: Send + Sync + 'static> Discovered<T> {
    /// Creates the value that `read` gets from `provider`. Sends no request yet.
    pub(crate) fn new(provider: Provider, clock: Clock, read: Read<T>) -> Self {
        Self::with_limit(provider, clock, read, FETCH_TIMEOUT)
    }

    fn with_limit(provider: Provider, clock: Clock, read: Read<T>, limit: Duration) -> Self {
        let state = Mutex::new(State { known: None, failed: None, in_flight: None });
        Self(Arc::new(Inner { provider: Arc::new(provider), read, clock, limit, state }))
    }

    /// Returns the value, or the failure of the shared attempt. Waits only if there is no value yet.
    pub(crate) async fn get(&self) -> Outcome<T> {
        let attempt = {
            let (mut state, now) = (self.0.lock(), self.0.clock.now());
            let is_cooling_down = state.failed.as_ref().is_some_and(|(_, at)| now < *at + COOLDOWN);
            match (&state.known, &state.failed) {
                (Some((value, read_at)), _) => {
                    let value = Arc::clone(value);
                    if now >= *read_at + FRESH_FOR && !is_cooling_down {
                        // Runs in its own task; the caller does not wait for it.
                        drop(self.attempt(&mut state));
                    }
                    return Ok(value);
                }
                (None, Some((error, _))) if is_cooling_down => return Err(Arc::clone(error)),
                _ => self.attempt(&mut state),
            }
        };
        attempt.await
    }

    /// Returns the attempt in flight, or starts one.
    fn attempt(&self, state: &mut State<T>) -> Attempt<T> {
        if let Some(attempt) = &state.in_flight {
            return attempt.clone();
        }
        let inner = Arc::clone(&self.0);
        let attempt = async move { inner.try_once().await }.boxed().shared();
        state.in_flight = Some(attempt.clone());
        // Runs in its own task: a cancelled caller must not cancel the attempt of the others.
        tokio::spawn(attempt.clone());
        attempt
    }
}

impl<T> Inner<T> {
    async fn try_once(&self) -> Outcome<T> {
        let reading = tokio::time::timeout(self.limit, (self.read)(Arc::clone(&self.provider)));
        let found = reading.await.unwrap_or_else(|_| Err(ProviderError::TooSlow(self.limit)));
        let (mut state, now) = (self.lock(), self.clock.now());
        state.in_flight = None;
        match found {
            Ok(value) => {
                let value = Arc::new(value);
                (state.known, state.failed) = (Some((Arc::clone(&value), now)), None);
                Ok(value)
            }
            Err(error) => {
                let issuer = self.provider.issuer();
                tracing::warn!(issuer, %error, "failed to discover an endpoint");
                let error = Arc::new(error);
                state.failed = Some((Arc::clone(&error), now));
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Each update is one assignment, so the state is consistent after a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
