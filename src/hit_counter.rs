//! How often what was asked for was remembered: each memory counts for itself, and whoever watches reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what was found in one memory.
#[derive(Debug, Default)]
pub(crate) struct Finds {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Finds {
    /// It was remembered.
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// It had to be found out.
    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, with how much is remembered now.
    pub(crate) fn reading(&self, entries: usize) -> MemoryReading {
        MemoryReading {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: entries.try_into().unwrap_or(u64::MAX),
        }
    }
}

/// How a memory stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryReading {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// How much is remembered.
    pub(crate) entries: u64,
}

impl std::ops::Add for MemoryReading {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, misses: self.misses + other.misses, entries: self.entries + other.entries }
    }
}
