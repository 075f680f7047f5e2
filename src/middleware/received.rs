//! The start of a request, which its access line needs at the end.

use std::time::Instant;

use crate::request_id::RequestId;

/// When a request was received, kept in its extensions.
#[derive(Clone, Copy)]
pub(super) struct Received(pub(super) Instant);

/// The client's id of a request, kept in its extensions if it differs from the request id.
pub(super) struct ClientRequestId(pub(super) RequestId);
