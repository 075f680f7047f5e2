//! Watches for database changes by other processes. Replicas on PostgreSQL notify each other. A SQLite file, which the command line may
//! change next to a running service, is polled twice a second.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::Clock;
use crate::database::{Database, DatabaseError};
use crate::repositories::change_feed;

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Detects database changes by other processes and invalidates the caches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExternalChanges {
    database: Database,
}

impl ExternalChanges {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Checks now and invalidates the caches if there are changes. A failure is logged; cached entries then expire by their age.
    pub async fn notice(&self) {
        if let Err(error) = self.database.notice_external_changes().await {
            log_failure(&error);
        }
    }

    /// Watches for changes in the background until the returned handle is aborted.
    pub(super) fn watch(&self, clock: Clock) -> Result<AbortHandle, DatabaseError> {
        let (changes, now) = (self.clone(), clock.clone());
        let watching = match self.database.listen(change_feed::QUERY, move || now.now())? {
            Some(listening) => tokio::spawn(async move {
                let _listening = listening;
                std::future::pending().await
            }),
            None => tokio::spawn(async move {
                loop {
                    // Taken before the check: later changes may be missed by it.
                    let now = clock.now();
                    match changes.database.notice_external_changes().await {
                        Ok(_) => changes.database.change_feed().succeed(now),
                        Err(error) => {
                            changes.database.change_feed().fail();
                            log_failure(&error);
                        }
                    }
                    clock.sleep(POLL_INTERVAL).await;
                }
            }),
        };
        Ok(watching.abort_handle())
    }
}

fn log_failure(error: &DatabaseError) {
    tracing::warn!(%error, "failed to check for changes by other processes");
}
