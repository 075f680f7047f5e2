//! What other processes change in the database. Replicas on PostgreSQL tell each other; SQLite's file, which the command line may change
//! beside a running service, is looked at twice a second.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::Clock;
use crate::database::{Database, DatabaseError};

const EVERY: Duration = Duration::from_millis(500);

/// Looks for changes that other processes made, so that nothing is remembered that is so no more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExternalChanges {
    database: Database,
}

impl ExternalChanges {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Looks now. From then on the service goes by what is in the database. Where that could not be found out, what is remembered
    /// ends by its age.
    pub async fn notice(&self) {
        if let Err(error) = self.database.notice_external_changes().await {
            tell(&error);
        }
    }

    /// Has all changes noted from now on, until the handle is used.
    pub(super) fn watch(&self, clock: Clock) -> Result<AbortHandle, DatabaseError> {
        let (changes, now) = (self.clone(), clock.clone());
        let watching = match self.database.listen(move || now.now())? {
            Some(listening) => tokio::spawn(async move {
                let _listening = listening;
                std::future::pending().await
            }),
            None => tokio::spawn(async move {
                loop {
                    // Known until it was looked, not until it was found.
                    let now = clock.now();
                    match changes.database.notice_external_changes().await {
                        Ok(_) => changes.database.change_feed().succeed(now),
                        Err(error) => {
                            changes.database.change_feed().fail();
                            tell(&error);
                        }
                    }
                    clock.sleep(EVERY).await;
                }
            }),
        };
        Ok(watching.abort_handle())
    }
}

fn tell(error: &DatabaseError) {
    tracing::warn!(%error, "whether another process changed the database could not be found out");
}
