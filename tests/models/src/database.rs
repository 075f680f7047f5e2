//! `src/database/invalidations.rs` as it is.

#[path = "../../../src/database/invalidations.rs"]
#[allow(dead_code)]
mod invalidations;

pub(crate) use invalidations::{Invalidations, Version, InvalidationKey, Invalidates};

/// Few places: each is one more thing whose orders are tried.
pub(crate) fn changes() -> Invalidations {
    Invalidations::with_places(2)
}

/// A principal that has a place of its own there.
pub(crate) fn subject() -> InvalidationKey {
    let has_place = |subject: &InvalidationKey| matches!(Invalidates::One(*subject).to_notice().as_deref(), Some("0" | "1"));
    (0..).map(|id: u32| InvalidationKey::of(&id)).find(has_place).expect("some id has the place")
}
