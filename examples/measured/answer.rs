//! The measured response: a small JSON document, serialized for each request.

use serde::Serialize;
use utoipa::ToSchema;

/// As short as typical API responses.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    id: u32,
    title: &'static str,
    is_done: bool,
}

/// Always the same, so that the responses of two servers can be compared.
pub(crate) fn answer() -> Answer {
    Answer { id: 42, title: "Count what a request costs", is_done: false }
}
