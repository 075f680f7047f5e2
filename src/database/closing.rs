//! Tells when the database has been closed: its handles are many, and the last of them may go in any thread.

use std::time::Duration;

use tokio::sync::watch;

/// Lives as long as the connections.
#[derive(Default)]
pub(super) struct Closing(watch::Sender<()>);

impl Closing {
    pub(super) fn watch(&self) -> Closed {
        Closed(self.0.subscribe())
    }
}

/// Becomes true when every connection has been closed. Holding it keeps none open.
#[derive(Debug)]
pub struct Closed(watch::Receiver<()>);

impl Closed {
    /// Whether the connections are closed, at the latest when this time has passed.
    pub async fn within(mut self, time: Duration) -> bool {
        // Nothing is ever sent: the wait ends when the sender goes.
        tokio::time::timeout(time, self.0.changed()).await.is_ok()
    }
}
