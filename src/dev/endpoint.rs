//! What a test can do to discovery and to the key set: hold them back, break them, let them lie, count who asks.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// One of the issuer's documents over HTTP. Honest and prompt until told otherwise; every change holds until [`reset`](Self::reset).
///
/// All of it works from any thread while requests run.
#[derive(Debug)]
pub struct Endpoint {
    answer: Mutex<EndpointBehavior>,
    held: watch::Sender<bool>,
    requests: watch::Sender<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum EndpointBehavior {
    Honest,
    Status(u16),
    Body(Vec<u8>),
    Redirect(String),
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self {
            answer: Mutex::new(EndpointBehavior::Honest),
            held: watch::Sender::new(false),
            requests: watch::Sender::new(0),
        }
    }

    /// Lets requests wait until [`release`](Self::release): a provider that is slow, for exactly as long as the test needs.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Answers the requests that wait, and the following ones at once.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Answers this status and nothing else.
    pub fn fail(&self, status: u16) {
        self.answer_with(EndpointBehavior::Status(status));
    }

    /// Answers 200 with this body as `application/json`, be it JSON or not.
    pub fn serve(&self, body: impl Into<Vec<u8>>) {
        self.answer_with(EndpointBehavior::Body(body.into()));
    }

    /// Sends the client elsewhere (302).
    pub fn redirect(&self, location: &str) {
        self.answer_with(EndpointBehavior::Redirect(location.to_owned()));
    }

    /// Honest and prompt again. The count of requests goes on.
    pub fn reset(&self) {
        self.answer_with(EndpointBehavior::Honest);
        self.release();
    }

    /// How many requests have come in so far, those that wait included.
    pub fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Returns once at least `count` requests have come in since the start, so that a test need not guess a time.
    pub async fn wait_for_requests(&self, count: usize) {
        // `wait_for` fails only when the sender is gone, and `self` holds it.
        let _ = self.requests.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// Counts a request, waits while the endpoint is held, and says what to answer.
    pub(super) async fn pass(&self) -> EndpointBehavior {
        self.requests.send_modify(|seen| *seen += 1);
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer_with(&self, answer: EndpointBehavior) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}
