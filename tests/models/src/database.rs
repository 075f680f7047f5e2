//! `src/database/changes.rs` as it is.

#[path = "../../../src/database/changes.rs"]
#[allow(dead_code)]
mod changes;

pub(crate) use changes::{Changes, Mark, Subject, Touched};

/// Few places: each is one more thing whose orders are tried.
pub(crate) fn changes() -> Changes {
    Changes::with_places(2)
}

/// A principal that has a place of its own there.
pub(crate) fn subject() -> Subject {
    let has_place = |subject: &Subject| matches!(Touched::One(*subject).to_notice().as_deref(), Some("0" | "1"));
    (0..).map(|id: u32| Subject::of(&id)).find(has_place).expect("some id has the place")
}
