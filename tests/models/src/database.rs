//! Includes `src/database/invalidations.rs`.

#[path = "../../../src/database/invalidations.rs"]
#[allow(dead_code)]
mod invalidations;

pub(crate) use invalidations::{Invalidations, Version, InvalidationKey, Invalidates};

/// Invalidations with two slots: each further slot multiplies the orders.
pub(crate) fn changes() -> Invalidations {
    Invalidations::with_slots(2)
}

/// The key of a principal that has one of these slots.
pub(crate) fn key() -> InvalidationKey {
    let has_slot = |key: &InvalidationKey| matches!(Invalidates::One(*key).to_notice().as_deref(), Some("0" | "1"));
    (0..).map(|id: u32| InvalidationKey::of(&id)).find(has_slot).expect("some id has the slot")
}
