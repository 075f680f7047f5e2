//! The numbers that all budgets share.

use std::time::Duration;

/// The maximum number of clients for which budgets are kept.
pub(super) const CLIENTS: usize = 100_000;

/// The time in which a budget is refilled, in seconds.
pub(super) const WINDOW: u32 = 60;

/// Returns the seconds, rounded up to at least one.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
