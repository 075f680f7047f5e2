//! What threads share things by: the standard library's, or in `tests/models` what tries every order that the memory model allows.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic};
