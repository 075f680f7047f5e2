//! The places for open questions to one issuer, and who may take how many of them.
//!
//! Anybody can send a token that the issuer has to be asked about, so the places are divided. Half are kept for tokens that were active
//! when the issuer was last asked. Of the others one client address takes no more than a quarter of all places. So an address that sends
//! made-up tokens delays its own next ones, and nobody keeps the tokens that are in use from being asked about.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many questions to one issuer are open at once.
pub(super) const MAX_OPEN: usize = 32;
/// How many of them are kept for tokens that were active before.
const KEPT_FOR_KNOWN: usize = MAX_OPEN / 2;
/// How many one address can have of the others.
const MAX_PER_ADDRESS: usize = MAX_OPEN / 4;

/// The client address that a token came from; all whose address is not known count as one.
pub(super) type Sender = Option<IpAddr>;

/// The places for questions to one issuer.
pub(super) struct QuestionPermits {
    known: Semaphore,
    unknown: Semaphore,
    /// What is left to each address that has a place for an unknown token or waits for one, and how many such tokens it has here.
    senders: Mutex<HashMap<Sender, (Arc<Semaphore>, usize)>>,
}

/// One place, free again when this is dropped.
pub(super) struct QuestionPermit<'a> {
    _place: SemaphorePermit<'a>,
    _share: Option<(OwnedSemaphorePermit, Presence<'a>)>,
}

/// An unknown token of a sender that is asked about or waits.
struct Presence<'a> {
    places: &'a QuestionPermits,
    sender: Sender,
}

impl QuestionPermits {
    /// All of them free.
    pub(super) fn new() -> Self {
        let (known, unknown) = (Semaphore::new(KEPT_FOR_KNOWN), Semaphore::new(MAX_OPEN - KEPT_FOR_KNOWN));
        Self { known, unknown, senders: Mutex::default() }
    }

    /// A place for a question about a token, once there is one: `was_active` says what the issuer said of the token before.
    pub(super) async fn take(&self, sender: Sender, was_active: bool) -> Result<QuestionPermit<'_>, AcquireError> {
        if was_active {
            return Ok(QuestionPermit { _place: self.known.acquire().await?, _share: None });
        }
        let (share, presence) = self.enter(sender);
        // First its address's own, so that an address that waits for itself holds nothing that others wait for.
        let share = share.acquire_owned().await?;
        Ok(QuestionPermit { _place: self.unknown.acquire().await?, _share: Some((share, presence)) })
    }

    fn enter(&self, sender: Sender) -> (Arc<Semaphore>, Presence<'_>) {
        let mut senders = self.senders();
        let (share, tokens) = senders.entry(sender).or_insert_with(|| (Arc::new(Semaphore::new(MAX_PER_ADDRESS)), 0));
        *tokens += 1;
        (Arc::clone(share), Presence { places: self, sender })
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<Sender, (Arc<Semaphore>, usize)>> {
        // Nothing that is done under this lock can panic half-way.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are free, of each half.
    #[cfg(test)]
    pub(super) fn free(&self) -> (usize, usize) {
        (self.known.available_permits(), self.unknown.available_permits())
    }

    /// How many addresses are remembered.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.senders().len()
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut senders = self.places.senders();
        if let Some((_, tokens)) = senders.get_mut(&self.sender) {
            *tokens -= 1;
            if *tokens == 0 {
                senders.remove(&self.sender);
            }
        }
    }
}
