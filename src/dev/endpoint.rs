//! Controls for tests: delay, fail, replace or redirect the responses of an endpoint, and count its requests.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// One endpoint of the issuer. It responds correctly and at once by default; a change is in effect until [`reset`](Self::reset).
///
/// All methods can be called from any thread while requests run.
#[derive(Debug)]
pub struct Endpoint {
    behavior: Mutex<EndpointBehavior>,
    held: watch::Sender<bool>,
    requests: watch::Sender<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum EndpointBehavior {
    Default,
    Status(u16),
    Body(Vec<u8>),
    Redirect(String),
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self {
            behavior: Mutex::new(EndpointBehavior::Default),
            held: watch::Sender::new(false),
            requests: watch::Sender::new(0),
        }
    }

    /// Holds requests until [`release`](Self::release): a provider that is slow for exactly as long as the test needs.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Responds to the held requests, and to later ones at once.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Responds with this status and an empty body.
    pub fn fail(&self, status: u16) {
        self.set_behavior(EndpointBehavior::Status(status));
    }

    /// Responds with 200 and this body as `application/json`, whether it is JSON or not.
    pub fn serve(&self, body: impl Into<Vec<u8>>) {
        self.set_behavior(EndpointBehavior::Body(body.into()));
    }

    /// Redirects the client (302).
    pub fn redirect(&self, location: &str) {
        self.set_behavior(EndpointBehavior::Redirect(location.to_owned()));
    }

    /// Restores the default behavior. The count of requests is kept.
    pub fn reset(&self) {
        self.set_behavior(EndpointBehavior::Default);
        self.release();
    }

    /// The number of requests received so far, including held ones.
    pub fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Returns once at least `count` requests have been received since startup, so that a test needs no sleep.
    pub async fn wait_for_requests(&self, count: usize) {
        // `wait_for` fails only if the sender is dropped, and `self` holds it.
        let _ = self.requests.subscribe().wait_for(|received| *received >= count).await;
    }

    /// Counts a request, waits while the endpoint is held, and returns the behavior to apply.
    pub(super) async fn pass(&self) -> EndpointBehavior {
        self.requests.send_modify(|received| *received += 1);
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        self.behavior.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_behavior(&self, behavior: EndpointBehavior) {
        *self.behavior.lock().unwrap_or_else(PoisonError::into_inner) = behavior;
    }
}
