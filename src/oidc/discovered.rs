//! A part of an issuer's metadata that is looked up when it is first needed, and again once it is old.
//!
//! All callers share one attempt, its failure too: a provider that hangs delays each of them by one time limit at most, however many
//! there are. After a failure the provider is left alone for a few seconds, and callers get the same failure at once. What was found is
//! read again in the background every ten minutes, so that an endpoint that moves is noticed; a failure then keeps what is known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::fetch::FETCH_TIMEOUT;
use super::provider::{Provider, ProviderError};
use crate::Clock;

/// How long a value is used before it is read again.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// How long the provider is left alone after a failure: as long as clients are told to wait by `Retry-After`.
const COOLDOWN: TimeDelta = TimeDelta::seconds(5);

/// Reads the value from the provider.
pub(super) type Read<T> = fn(Arc<Provider>) -> BoxFuture<'static, Result<T, ProviderError>>;

type Outcome<T> = Result<Arc<T>, Arc<ProviderError>>;
type Attempt<T> = Shared<BoxFuture<'static, Outcome<T>>>;

/// A value from an issuer's metadata.
pub(super) struct Discovered<T>(Arc<Inner<T>>);

struct Inner<T> {
    provider: Arc<Provider>,
    read: Read<T>,
    clock: Clock,
    /// How long one attempt may take, all of its requests together.
    limit: Duration,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// The value, and when it was read.
    known: Option<(Arc<T>, DateTime<Utc>)>,
    /// The latest failure, and when it was.
    failed: Option<(Arc<ProviderError>, DateTime<Utc>)>,
    under_way: Option<Attempt<T>>,
}

impl<T: Send + Sync + 'static> Discovered<T> {
    /// The value that `read` gets from `provider`, which is not asked yet.
    pub(super) fn new(provider: Provider, clock: Clock, read: Read<T>) -> Self {
        Self::with_limit(provider, clock, read, FETCH_TIMEOUT)
    }

    fn with_limit(provider: Provider, clock: Clock, read: Read<T>, limit: Duration) -> Self {
        let state = Mutex::new(State { known: None, failed: None, under_way: None });
        Self(Arc::new(Inner { provider: Arc::new(provider), read, clock, limit, state }))
    }

    /// The value, or the failure of the attempt that this call shares with others. Waits only where nothing is known yet.
    pub(super) async fn get(&self) -> Outcome<T> {
        let attempt = {
            let (mut state, now) = (self.0.lock(), self.0.clock.now());
            let is_cooling = state.failed.as_ref().is_some_and(|(_, at)| now < *at + COOLDOWN);
            match (&state.known, &state.failed) {
                (Some((value, read_at)), _) => {
                    let value = Arc::clone(value);
                    if now >= *read_at + FRESH_FOR && !is_cooling {
                        // It has a task of its own: nobody here waits for it.
                        drop(self.attempt(&mut state));
                    }
                    return Ok(value);
                }
                (None, Some((error, _))) if is_cooling => return Err(Arc::clone(error)),
                _ => self.attempt(&mut state),
            }
        };
        attempt.await
    }

    /// The attempt that is under way, or a new one.
    fn attempt(&self, state: &mut State<T>) -> Attempt<T> {
        if let Some(attempt) = &state.under_way {
            return attempt.clone();
        }
        let inner = Arc::clone(&self.0);
        let attempt = async move { inner.try_once().await }.boxed().shared();
        state.under_way = Some(attempt.clone());
        // Driven by a task of its own: a caller that goes away must not take the others' attempt along.
        tokio::spawn(attempt.clone());
        attempt
    }
}

impl<T> Inner<T> {
    async fn try_once(&self) -> Outcome<T> {
        let reading = tokio::time::timeout(self.limit, (self.read)(Arc::clone(&self.provider)));
        let found = reading.await.unwrap_or_else(|_| Err(ProviderError::TooSlow(self.limit)));
        let (mut state, now) = (self.lock(), self.clock.now());
        state.under_way = None;
        match found {
            Ok(value) => {
                let value = Arc::new(value);
                (state.known, state.failed) = (Some((Arc::clone(&value), now)), None);
                Ok(value)
            }
            Err(error) => {
                let issuer = self.provider.issuer();
                tracing::warn!(issuer, %error, "an endpoint of an issuer could not be looked up");
                let error = Arc::new(error);
                state.failed = Some((Arc::clone(&error), now));
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Every change is one assignment, so a panic elsewhere leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
