//! Purges principals deleted 30 days ago and ended sessions, at the start and then every 24 hours.

use std::time::Duration;

use tokio::task::AbortHandle;

use crate::Clock;
use crate::services::{MySessionService, PurgeService};

const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Purges in the background until the returned handle is aborted. A failure is logged, and the next run repeats the work.
pub(super) fn start(service: PurgeService, sessions: MySessionService, clock: Clock) -> AbortHandle {
    let purging = tokio::spawn(async move {
        loop {
            match service.run().await {
                Ok(0) => {}
                Ok(purged) => tracing::info!(purged, "purged principals deleted at least 30 days ago"),
                Err(failure) => tracing::error!(%failure, "failed to purge deleted principals"),
            }
            if let Err(failure) = sessions.purge().await {
                tracing::error!(%failure, "failed to remove ended sessions");
            }
            clock.sleep(INTERVAL).await;
        }
    });
    purging.abort_handle()
}
