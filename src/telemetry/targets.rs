//! The targets of this service that are not module paths.

/// The target of the access log, one line per request; `LOG_LEVEL=info,portcullis::access=off` turns it off.
pub(crate) const ACCESS: &str = "portcullis::access";

/// The target of the span around each request.
pub(super) const REQUEST: &str = "portcullis::request";
