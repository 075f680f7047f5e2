//! Synchronization primitives: the standard library's, or in `tests/models` those of a model checker that tries every permitted order.

pub(crate) use std::sync::{Arc, atomic};
