//! Caches: the counters and the interning that they share.

pub(crate) mod hit_counter;
pub(crate) mod interner;
