//! Session events of this process, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) opened: Count,
    pub(super) renewed: Count,
    pub(super) signed_out: Count,
    pub(super) withdrawn: Count,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add_one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Counts {
    /// Returns the name and the count of each event.
    pub(super) fn read(&self) -> [(&'static str, u64); 4] {
        let Self { opened, renewed, signed_out, withdrawn } = self;
        [("opened", opened), ("renewed", renewed), ("signed_out", signed_out), ("withdrawn", withdrawn)]
            .map(|(event, Count(count))| (event, count.load(Ordering::Relaxed)))
    }
}
