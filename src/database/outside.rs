//! Invalidations that other processes make, such as the command line beside a running service.
//!
//! SQLite counts them for each connection (`PRAGMA data_version`), its own left out. So the one that writes here is asked: on another,
//! each write of our own would count.

use std::sync::{Mutex, PoisonError};

/// What a connection says of the changes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExternalVersion {
    /// Which connection it was, for each counts for itself.
    pub(super) connection: u64,
    pub(super) version: i64,
}

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Outside(Mutex<Option<ExternalVersion>>);

impl Outside {
    /// Whether there may be changes since the last time. The first time nobody knows.
    pub(super) fn is_news(&self, seen: ExternalVersion) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(seen) != Some(seen)
    }
}
