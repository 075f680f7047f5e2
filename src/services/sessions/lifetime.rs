//! The lifetime of a session.

use chrono::{DateTime, TimeDelta, Utc};

use crate::models::Session;

/// Whether the session has ended at `now`.
pub(super) fn is_over(session: &Session, idle: TimeDelta, now: DateTime<Utc>) -> bool {
    now >= session.ends_at.utc() || now >= session.last_used_at.utc() + idle
}
