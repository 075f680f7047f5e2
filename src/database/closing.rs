//! Signals that the database has been closed: the last of its many handles may be dropped on any thread.

use std::time::Duration;

use tokio::sync::watch;

/// Dropped after the connections, which resolves every [`Closed`].
#[derive(Default)]
pub(super) struct Closing(watch::Sender<()>);

impl Closing {
    pub(super) fn watch(&self) -> Closed {
        Closed(self.0.subscribe())
    }
}

/// Resolves when every connection has been closed. Holding it keeps no connection open.
#[derive(Debug)]
pub struct Closed(watch::Receiver<()>);

impl Closed {
    /// Waits until the connections are closed. Returns `false` if that takes longer than `time`.
    pub async fn within(mut self, time: Duration) -> bool {
        // No value is ever sent: the wait ends when the sender is dropped.
        tokio::time::timeout(time, self.0.changed()).await.is_ok()
    }
}
