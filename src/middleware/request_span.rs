//! The span and the access line of each request, and its request id, which the client, the log and the audit trail share.
//!
//! `tracing-actix-web` runs the request in the span. The span holds only the request id and the trace id. Every request has an id, even if
//! nothing is logged and the span is disabled.

use std::fmt::Write;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{Error as ActixError, HttpMessage, web};
use tracing::{Span, field};
use tracing_actix_web::RootSpanBuilder;

use super::received::{ClientRequestId, Received};
use super::responses::{LostRequest, Reason, ResponseRules};
use crate::auth::Caller;
use crate::metrics::{OTHER_METHOD, method_label};
use crate::request_id::RequestId;
use crate::routing::RoutePattern;
use crate::telemetry::{self, ACCESS, TraceParent};

/// Carries the trace that a request belongs to (W3C Trace Context section 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Creates the span of a request, and logs the request at its end.
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let received = Received(Instant::now());
        let (id, client_id) = RequestId::of(request.headers(), || is_from_proxy(request));
        let span = telemetry::request_span(id.as_str(), parent(request.headers()).as_ref());
        let mut extensions = request.extensions_mut();
        extensions.insert(id);
        extensions.insert(received);
        if let Some(client_id) = client_id {
            extensions.insert(ClientRequestId(*client_id));
        }
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, ActixError>) {
        match outcome {
            Ok(response) => end_with_response(&span, response),
            Err(error) => end_with_error(&span, error),
        }
    }
}

/// Whether a trusted proxy sent the request, so that its request id is accepted.
fn is_from_proxy(request: &ServiceRequest) -> bool {
    let rules = request.app_data::<web::Data<ResponseRules>>();
    rules.is_some_and(|rules| rules.limits.proxies.sent(request))
}

/// Returns the trace context of the request; `None` if `traceparent` is missing, repeated or malformed.
fn parent(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    let mut sent = headers.get_all(TRACEPARENT);
    let text = sent.next().filter(|_| sent.next().is_none())?.to_str().ok()?;
    TraceParent::parse(text)
}

fn end_with_response<B: MessageBody>(span: &Span, response: &ServiceResponse<B>) {
    let logs = tracing::enabled!(target: ACCESS, tracing::Level::INFO);
    if span.is_disabled() && !logs {
        return;
    }
    let (method, status) = (method_label(response.request().method()), response.status().as_u16());
    let route = response.request().app_data().map_or(RoutePattern::UNKNOWN, RoutePattern::as_str);
    telemetry::record_response(span, method, route, status);
    if !logs {
        return;
    }
    let extensions = response.request().extensions();
    let caller = extensions.get::<Caller>();
    let mut principal = String::new();
    if let Some(caller) = caller {
        // Writing to a `String` does not fail.
        let _ = write!(principal, "{}", caller.principal_id());
    }
    tracing::info!(
        target: ACCESS,
        method,
        route,
        status,
        duration_us = extensions.get().map(micros_since),
        principal = caller.map(|_| principal.as_str()),
        client = caller.and_then(Caller::client_id),
        issuer = caller.map(|caller| caller.claims().issuer_name()),
        bytes = length(response.response().body()),
        client_request_id = extensions.get().map(|ClientRequestId(id)| id.as_str()),
        reason = response.response().extensions().get::<Reason>().map(|reason| field::display(reason.0)),
        "answered"
    );
}

fn end_with_error(span: &Span, error: &ActixError) {
    let lost = error.as_error::<LostRequest>();
    let method = lost.map_or(OTHER_METHOD, |lost| lost.method);
    let (route, status) = (RoutePattern::UNKNOWN, error.as_response_error().status_code().as_u16());
    telemetry::record_response(span, method, route, status);
    let duration_us = lost.map(|lost| micros_since(&lost.received));
    tracing::info!(target: ACCESS, method, route, status, duration_us, "answered");
}

/// The length of the body, if it is known.
fn length(body: &impl MessageBody) -> Option<u64> {
    match body.size() {
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::None => Some(0),
        BodySize::Stream => None,
    }
}

fn micros_since(Received(start): &Received) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::Arc;

    use actix_web::http::header::HeaderValue;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse};
    use serde_json::Value;
    use tracing_actix_web::TracingLogger;

    use super::*;
    use crate::middleware::responses::Responses;

    async fn panics() -> HttpResponse {
        panic!("on purpose")
    }

    #[actix_web::test]
    async fn request_whose_handler_panicked_is_logged_with_method_status_and_duration() {
        let mut log = Arc::new(tempfile::tempfile().unwrap());
        let subscriber = tracing_subscriber::fmt().json().with_writer(Arc::clone(&log)).finish();
        let _subscriber = tracing::subscriber::set_default(subscriber);
        let app = App::new().default_service(web::to(panics)).wrap(Responses).wrap(TracingLogger::<RequestSpan>::new());
        let app = init_service(app).await;
        let request = TestRequest::put().insert_header(("x-request-id", "request-0001")).to_request();
        let error = actix_web::dev::Service::call(&app, request).await.err().unwrap();
        assert_eq!(error.error_response().status(), 500);

        let mut lines = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut lines).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let line = lines.iter().find(|line| line["target"] == ACCESS).unwrap();
        let fields = &line["fields"];
        assert_eq!((&fields["method"], &fields["status"]), (&Value::from("PUT"), &Value::from(500)), "{line}");
        assert!(fields["duration_us"].is_u64() && line["span"]["request_id"].is_string(), "{line}");
        assert_eq!(fields["client_request_id"], Value::Null, "the error does not carry the request");
    }

    fn trace_id_of(sent: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        parent(&headers).map(|parent| parent.trace_id.to_owned())
    }

    #[test]
    fn trace_id_is_taken_from_a_single_well_formed_traceparent_only() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id_of(&[&format!("00-{TRACE}-00f067aa0ba902b7-01")]).as_deref(), Some(TRACE));
        assert_eq!(trace_id_of(&[&format!("cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later")]).as_deref(), Some(TRACE));
        for sent in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(trace_id_of(&[sent]), None, "{sent}");
        }
        let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(trace_id_of(&[&valid, &valid]), None, "a repeated field is ambiguous");
    }
}
