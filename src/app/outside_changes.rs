//! What other processes change in the database, such as the command line beside a running service: noticed twice a second.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::Clock;
use crate::database::Database;

const EVERY: Duration = Duration::from_millis(500);

/// Looks for changes that other processes made, so that nothing is remembered that is so no more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OutsideChanges {
    database: Database,
}

impl OutsideChanges {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Looks now. From then on the service goes by what is in the database. Where that could not be found out, what is remembered
    /// ends by its age.
    pub async fn notice(&self) {
        if let Err(error) = self.database.notice_outside_changes().await {
            tracing::warn!(%error, "whether another process changed the database could not be found out");
        }
    }

    /// Looks again and again, until the handle is used.
    pub(super) fn watch(&self, clock: Clock) -> AbortHandle {
        let changes = self.clone();
        let watching = tokio::spawn(async move {
            loop {
                changes.notice().await;
                clock.sleep(EVERY).await;
            }
        });
        watching.abort_handle()
    }
}
