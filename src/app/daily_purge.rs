//! Once a day, whoever was deleted long ago is purged, and with them the sessions that have ended: at the start, and then every 24 hours.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::Clock;
use crate::services::{MySessionService, PurgeService};

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Purges in the background until the handle is used. One that fails is told in the log, and the next one makes up for it.
pub(super) fn start(service: PurgeService, sessions: MySessionService, clock: Clock) -> AbortHandle {
    let purging = tokio::spawn(async move {
        loop {
            match service.run().await {
                Ok(0) => {}
                Ok(purged) => tracing::info!(purged, "purged who was deleted 30 days ago"),
                Err(failure) => tracing::error!(%failure, "nobody could be purged"),
            }
            if let Err(failure) = sessions.purge().await {
                tracing::error!(%failure, "sessions that have ended could not be removed");
            }
            clock.sleep(A_DAY).await;
        }
    });
    purging.abort_handle()
}
