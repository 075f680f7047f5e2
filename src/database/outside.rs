//! Detects changes to a SQLite file by other processes, such as the command line next to a running service.
//!
//! `PRAGMA data_version` changes with every commit by another connection. The writer's connection is asked: on any other connection our
//! own writes would count as well.

use std::sync::{Mutex, PoisonError};

/// The `data_version` of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExternalVersion {
    /// The number of the connection: versions of different connections cannot be compared.
    pub(super) connection: u64,
    pub(super) version: i64,
}

/// The version that was read last.
#[derive(Debug, Default)]
pub(super) struct LastExternalVersion(Mutex<Option<ExternalVersion>>);

impl LastExternalVersion {
    /// Records `current` and returns whether it differs from the version before. The first call returns `true`.
    pub(super) fn has_changed(&self, current: ExternalVersion) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(current) != Some(current)
    }
}
