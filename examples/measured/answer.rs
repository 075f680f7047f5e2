//! The answer that is measured: a small JSON document, made anew for each request.

use serde::Serialize;
use utoipa::ToSchema;

/// As short as the answers of many an API.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    id: u32,
    title: &'static str,
    is_done: bool,
}

/// The same each time, so that one server's answer can be held against another's.
pub(crate) fn answer() -> Answer {
    Answer { id: 42, title: "Count what a request costs", is_done: false }
}
