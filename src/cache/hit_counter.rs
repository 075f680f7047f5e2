//! Hit and miss counters of a cache, read by the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// The hits and misses of one cache.
#[derive(Debug, Default)]
pub(crate) struct HitCounter {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl HitCounter {
    /// Counts a hit.
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a miss.
    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, with the number of entries now in the cache.
    pub(crate) fn reading(&self, entries: usize) -> MemoryReading {
        MemoryReading {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: entries.try_into().unwrap_or(u64::MAX),
        }
    }
}

/// A snapshot of a cache's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryReading {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// The number of cached entries.
    pub(crate) entries: u64,
}

impl std::ops::Add for MemoryReading {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, misses: self.misses + other.misses, entries: self.entries + other.entries }
    }
}
