//! The key set of one issuer: a snapshot that readers use without waiting, refreshed in the background.
//!
//! Readers of known keys never wait. A reader of an unknown key waits for one fetch, which all such readers share. The cooldown allows
//! no such fetch within 30 seconds after one that readers caused, or one that failed. So a rotation right after a scheduled fetch takes
//! effect at once, and made-up key ids cause at most two fetches a minute. Keys expire 24 hours after the latest successful fetch.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::discovery::Provider;
use super::issuer_status::KeyEdition;
use super::key_set_state::{KeySetState, Shared};
use super::refresher::Refresher;
use crate::Clock;
use crate::jose::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::oidc::{IssuerSettings, KeySetStore, ProviderClient, Rejection};

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

#[cfg(test)]
mod tests;
