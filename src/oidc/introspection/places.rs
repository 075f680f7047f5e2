//! The permits for introspection requests to one issuer.
//!
//! Anyone can send a token that requires introspection, so the permits are divided. Half are reserved for tokens that were active at
//! their last introspection. Of the other half, one client address holds at most a quarter of all permits. So an address that sends
//! made-up tokens delays only its own unknown tokens, and tokens in use are not delayed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The number of requests to one issuer in flight.
pub(super) const MAX_IN_FLIGHT: usize = 32;
/// The permits reserved for tokens that were active before.
const RESERVED_FOR_KNOWN: usize = MAX_IN_FLIGHT / 2;
/// The permits for unknown tokens of one address.
const MAX_PER_ADDRESS: usize = MAX_IN_FLIGHT / 4;

/// The client address of a request; all requests without a known address share `None`.
pub(super) type Sender = Option<IpAddr>;

/// The permits for requests to one issuer.
pub(super) struct RequestPermits {
    known: Semaphore,
    unknown: Semaphore,
    /// For each address with unknown tokens in flight or waiting: its permits, and the number of these tokens.
    senders: Mutex<HashMap<Sender, (Arc<Semaphore>, usize)>>,
}

/// A permit for one request, released on drop.
pub(super) struct RequestPermit<'a> {
    _permit: SemaphorePermit<'a>,
    _share: Option<(OwnedSemaphorePermit, SenderEntry<'a>)>,
}

/// An unknown token of a sender, in flight or waiting. Uncounted on drop.
struct SenderEntry<'a> {
    permits: &'a RequestPermits,
    sender: Sender,
}

impl RequestPermits {
    /// Creates the permits, all available.
    pub(super) fn new() -> Self {
        let (known, unknown) = (Semaphore::new(RESERVED_FOR_KNOWN), Semaphore::new(MAX_IN_FLIGHT - RESERVED_FOR_KNOWN));
        Self { known, unknown, senders: Mutex::default() }
    }

    /// Waits for a permit for a request. `was_active` is the result of the token's last introspection.
    pub(super) async fn acquire(&self, sender: Sender, was_active: bool) -> Result<RequestPermit<'_>, AcquireError> {
        if was_active {
            return Ok(RequestPermit { _permit: self.known.acquire().await?, _share: None });
        }
        let (share, entry) = self.register(sender);
        // The address's own permit first, so that an address at its limit holds no shared permit while it waits.
        let share = share.acquire_owned().await?;
        Ok(RequestPermit { _permit: self.unknown.acquire().await?, _share: Some((share, entry)) })
    }

    fn register(&self, sender: Sender) -> (Arc<Semaphore>, SenderEntry<'_>) {
        let mut senders = self.senders();
        let (share, tokens) = senders.entry(sender).or_insert_with(|| (Arc::new(Semaphore::new(MAX_PER_ADDRESS)), 0));
        *tokens += 1;
        (Arc::clone(share), SenderEntry { permits: self, sender })
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<Sender, (Arc<Semaphore>, usize)>> {
        // No code under this lock can panic half-way.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the available permits for known and for unknown tokens.
    #[cfg(test)]
    pub(super) fn available(&self) -> (usize, usize) {
        (self.known.available_permits(), self.unknown.available_permits())
    }

    /// Returns the number of addresses with unknown tokens.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.senders().len()
    }
}

impl Drop for SenderEntry<'_> {
    fn drop(&mut self) {
        let mut senders = self.permits.senders();
        if let Some((_, tokens)) = senders.get_mut(&self.sender) {
            *tokens -= 1;
            if *tokens == 0 {
                senders.remove(&self.sender);
            }
        }
    }
}
