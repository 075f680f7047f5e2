//! Logs: who writes them, and what may be in them.
//!
//! The rule: no token, secret, cookie, e-mail or claim value reaches a log at any level. So the root span holds the request's id,
//! method and route *pattern* (never the path or the query, which a careless client may have put a token into), and a panic is logged by
//! its place, since its message may hold a value.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error as ActixError, HttpMessage};
use tracing::{Span, field};
use tracing_actix_web::{RequestId, RootSpanBuilder};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging to standard output. A subscriber that is set already stays: the process has decided.
pub(crate) fn start(config: &LogConfig) {
    let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&config.level));
    // Fails only where a subscriber is set.
    let _ = match config.format {
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Pretty => subscriber.try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// The root span of a request, as lean as it can be.
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().copied();
        // Of the highest level, so that a failure carries the request's id whatever else is left out of the log.
        tracing::error_span!(
            "request",
            request_id = id.map(field::display),
            method = %request.method(),
            route = field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, ActixError>) {
        let (pattern, status) = match outcome {
            Ok(response) => (response.request().match_pattern(), response.status()),
            // The request went down with the failure.
            Err(error) => (None, error.as_response_error().status_code()),
        };
        span.record("route", pattern.as_deref().unwrap_or("unknown"));
        let status = status.as_u16();
        span.in_scope(|| tracing::info!(status, "answered"));
    }
}
