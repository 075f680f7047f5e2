//! The span of a request.

use tracing::Span;

use super::parent::TraceParent;
use super::targets::REQUEST;
#[cfg(feature = "otel")]
use super::traces;

/// Creates the span of a request; its trace is that of `parent`, if the request has one. The span has the level `ERROR`, so that a logged
/// failure carries the request id at any log level.
pub(crate) fn request_span(request_id: &str, parent: Option<&TraceParent<'_>>) -> Span {
    let trace_id = parent.map(|parent| parent.trace_id);
    let span = tracing::error_span!(target: REQUEST, "request", request_id, trace_id);
    #[cfg(feature = "otel")]
    if let Some(parent) = parent {
        traces::continue_trace(&span, parent);
    }
    span
}

/// Records the response on the span of its request, if traces are exported. `route` and `method` are from closed sets.
#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "this build exports no traces"))]
pub(crate) fn record_response(span: &Span, method: &'static str, route: &str, status: u16) {
    #[cfg(feature = "otel")]
    traces::record_response(span, method, route, status);
}
