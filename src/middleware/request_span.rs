//! The access log, metrics and span of each request, and its request id, which the client, the log and the audit trail share.
//!
//! The span of a request, or the [`Scope`] that replaces a disabled span, holds only the request id and the trace id. Every request has
//! one, even if nothing is logged.

use std::fmt::Write;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_pending};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{Error as ActixError, HttpMessage, web};
use pin_project_lite::pin_project;
use tracing::{Span, field};

use super::responses::{AnswerRules, Reason};
use crate::auth::Caller;
use crate::metrics::{self, RequestMetrics};
use crate::request_id::RequestId;
use crate::routing::RoutePattern;
use crate::scope::Scope;
use crate::telemetry::{self, ACCESS, REQUEST, TraceParent};

/// Carries the trace that a request belongs to (W3C Trace Context section 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The middleware that records each request.
pub(crate) struct Observe;

impl<S, B> Transform<S, ServiceRequest> for Observe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = ActixError;
    type Transform = ObserveMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<ObserveMiddleware<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ObserveMiddleware { next: service }))
    }
}

/// The middleware of [`Observe`].
pub(crate) struct ObserveMiddleware<S> {
    next: S,
}

impl<S, B> Service<ServiceRequest> for ObserveMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = ActixError;
    type Future = ObserveFuture<S::Future>;

    forward_ready!(next);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let started = Instant::now();
        let (id, client_id) = RequestId::of(request.headers(), || is_from_proxy(&request));
        let parent = parent(request.headers());
        let trace_id = parent.map(|parent| parent.trace_id);
        let span = span(&id, trace_id);
        if let Some(parent) = &parent {
            telemetry::continue_trace(&span, parent);
        }
        let surroundings =
            if span.is_disabled() { Surroundings::Scope(Scope::new(id, trace_id)) } else { Surroundings::Span(span) };
        let method = method_word(request.method());
        // Read now: an error response does not carry the request.
        let metrics = request.app_data::<RequestMetrics>().cloned();
        request.extensions_mut().insert(id);
        let response = surroundings.enter(|| self.next.call(request));
        ObserveFuture { response, head: Head { started, surroundings, method, metrics, client_id } }
    }
}

pin_project! {
    /// The response of [`ObserveMiddleware`].
    pub(crate) struct ObserveFuture<F> {
        #[pin]
        response: F,
        head: Head,
    }
}

/// The data of a request that is known before its response.
struct Head {
    started: Instant,
    surroundings: Surroundings,
    method: &'static str,
    metrics: Option<RequestMetrics>,
    /// The client's id of the request, if it differs from the request id.
    client_id: Option<Box<RequestId>>,
}

/// The log context in which a request is handled.
enum Surroundings {
    /// A subscriber has enabled the span.
    Span(Span),
    /// The span is disabled.
    Scope(Scope),
}

impl Surroundings {
    fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Span(span) => span.in_scope(work),
            Self::Scope(scope) => scope.enter(work),
        }
    }
}

impl<F, B> Future for ObserveFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, ActixError>>,
    B: MessageBody,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready_or_pending!(this.head.surroundings.enter(|| this.response.poll(context)));
        this.head.record(&outcome);
        Poll::Ready(outcome)
    }
}

impl Head {
    /// Records the outcome of the request in the span, the metrics and the access log.
    fn record<B: MessageBody>(&self, outcome: &Result<ServiceResponse<B>, ActixError>) {
        let client_id = self.client_id.as_deref();
        let entry = AccessEntry { method: self.method, duration: self.started.elapsed(), outcome, client_id };
        let labels = entry.labels();
        if let Surroundings::Span(span) = &self.surroundings {
            telemetry::record_response(span, self.method, labels.route(), labels.status);
        }
        if let Some(metrics) = &self.metrics {
            metrics.observe(labels, entry.duration);
        }
        self.surroundings.enter(|| entry.log());
    }
}

/// Whether a trusted proxy sent the request, so that its request id is accepted.
fn is_from_proxy(request: &ServiceRequest) -> bool {
    let rules = request.app_data::<web::Data<AnswerRules>>();
    rules.is_some_and(|rules| rules.limits.proxies.sent(request))
}

/// Creates the span of a request. It has the level `ERROR`, so that a logged failure carries the request id at any log level.
fn span(id: &RequestId, trace_id: Option<&str>) -> Span {
    tracing::error_span!(target: REQUEST, "request", request_id = id.as_str(), trace_id)
}

/// Returns the trace context of the request; `None` if `traceparent` is missing, repeated or malformed.
fn parent(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    let mut sent = headers.get_all(TRACEPARENT);
    let text = sent.next().filter(|_| sent.next().is_none())?.to_str().ok()?;
    TraceParent::parse(text)
}

/// Returns the method's name, or `other`, so that the values are a closed set.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// One entry of the access log.
struct AccessEntry<'a, B> {
    method: &'static str,
    duration: Duration,
    outcome: &'a Result<ServiceResponse<B>, ActixError>,
    client_id: Option<&'a RequestId>,
}

/// Returns the route of the request, if one matched.
fn route<B>(response: &ServiceResponse<B>) -> Option<&RoutePattern> {
    response.request().app_data()
}

impl<B: MessageBody> AccessEntry<'_, B> {
    fn labels(&self) -> metrics::RequestLabels {
        let (route, status) = match self.outcome {
            Ok(response) => (route(response).cloned(), response.status()),
            Err(error) => (None, error.as_response_error().status_code()),
        };
        metrics::RequestLabels { route, method: self.method, status: status.as_u16() }
    }

    fn log(&self) {
        match self.outcome {
            Ok(response) => {
                if tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
                    self.log_response(response);
                }
            }
            // The error does not carry the request.
            Err(error) => {
                let status = error.as_response_error().status_code();
                let (method, status, duration_us) = (self.method, status.as_u16(), self.micros());
                tracing::info!(target: ACCESS, method, route = RoutePattern::UNKNOWN, status, duration_us, "answered");
            }
        }
    }

    fn log_response(&self, response: &ServiceResponse<B>) {
        let route = route(response).map_or(RoutePattern::UNKNOWN, RoutePattern::as_str);
        let extensions = response.request().extensions();
        let caller = extensions.get::<Caller>();
        let mut principal = String::new();
        if let Some(caller) = caller {
            // Writing to a `String` does not fail.
            let _ = write!(principal, "{}", caller.principal_id());
        }
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::None => Some(0),
            BodySize::Stream => None,
        };
        tracing::info!(
            target: ACCESS,
            method = self.method,
            route,
            status = response.status().as_u16(),
            duration_us = self.micros(),
            principal = caller.map(|_| principal.as_str()),
            client = caller.and_then(Caller::client_id),
            issuer = caller.map(|caller| caller.claims().issuer_name()),
            bytes,
            client_request_id = self.client_id.map(RequestId::as_str),
            reason = response.response().extensions().get::<Reason>().map(|reason| field::display(reason.0)),
            "answered"
        );
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

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
