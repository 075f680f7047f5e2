//! What every request passes on its way in and out: the request span, CORS, host names, response headers and problems.

pub(crate) mod cors;
mod received;
pub(crate) mod request_span;
pub(crate) mod responses;
