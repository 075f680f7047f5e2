//! What is told of each request: one line in the log, and the id by which client, log and audit trail know it.
//!
//! The span around a request, or what stands for it, holds its id and its trace, and nothing else: it is there for every request, also
//! where nothing is logged.

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

use super::answer::{AnswerRules, Reason};
use super::metrics::{self, RequestMetrics};
use crate::auth::{Caller, RoutePattern};
use crate::request_id::RequestId;
use crate::scope::Scope;
use crate::telemetry::{self, ACCESS, REQUEST, TraceParent};

/// Carries the trace that a request belongs to (W3C Trace Context section 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Watches a request from its head to its answer.
pub(super) struct Observe;

impl<S, B> Transform<S, ServiceRequest> for Observe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = ActixError;
    type Transform = Observing<S>;
    type InitError = ();
    type Future = Ready<Result<Observing<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Observing { next: service }))
    }
}

/// [`Observe`] around what comes next.
pub(super) struct Observing<S> {
    next: S,
}

impl<S, B> Service<ServiceRequest> for Observing<S>
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
        // Taken now: where the request goes down with a failure, it can't be asked any more.
        let metrics = request.app_data::<RequestMetrics>().cloned();
        request.extensions_mut().insert(id);
        let answering = surroundings.enter(|| self.next.call(request));
        ObserveFuture { answering, head: Head { started, surroundings, method, metrics, client_id } }
    }
}

pin_project! {
    /// The answer that is waited for.
    pub(super) struct ObserveFuture<F> {
        #[pin]
        answering: F,
        head: Head,
    }
}

/// What is known of a request before it is answered.
struct Head {
    started: Instant,
    surroundings: Surroundings,
    method: &'static str,
    metrics: Option<RequestMetrics>,
    /// What the client called the request, where that is not its id.
    client_id: Option<Box<RequestId>>,
}

/// What the work for a request is done within.
enum Surroundings {
    /// Where spans are asked for.
    Span(Span),
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
        let outcome = ready_or_pending!(this.head.surroundings.enter(|| this.answering.poll(context)));
        this.head.tell(&outcome);
        Poll::Ready(outcome)
    }
}

impl Head {
    /// Tells what became of the request.
    fn tell<B: MessageBody>(&self, outcome: &Result<ServiceResponse<B>, ActixError>) {
        let client_id = self.client_id.as_deref();
        let seen = Seen { method: self.method, took: self.started.elapsed(), outcome, client_id };
        let counted = seen.for_metrics();
        if let Surroundings::Span(span) = &self.surroundings {
            telemetry::answered(span, self.method, counted.route(), counted.status);
        }
        if let Some(metrics) = &self.metrics {
            metrics.observe(counted, seen.took);
        }
        self.surroundings.enter(|| seen.tell());
    }
}

/// Whether a trusted proxy sent the request, and so its id.
fn is_from_proxy(request: &ServiceRequest) -> bool {
    let rules = request.app_data::<web::Data<AnswerRules>>();
    rules.is_some_and(|rules| rules.limits.proxies.sent(request))
}

/// Of the highest level, so that a failure carries the request's id whatever else is left out of the log.
fn span(id: &RequestId, trace_id: Option<&str>) -> Span {
    tracing::error_span!(target: REQUEST, "request", request_id = id.as_str(), trace_id)
}

/// What the sender says of the trace that the request belongs to, where it is said once and spelt right.
fn parent(headers: &HeaderMap) -> Option<TraceParent<'_>> {
    let mut sent = headers.get_all(TRACEPARENT);
    let text = sent.next().filter(|_| sent.next().is_none())?.to_str().ok()?;
    TraceParent::parse(text)
}

/// The method, of a closed set.
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

struct Seen<'a, B> {
    method: &'static str,
    took: Duration,
    outcome: &'a Result<ServiceResponse<B>, ActixError>,
    client_id: Option<&'a RequestId>,
}

/// The route that a request was for, where there is one.
fn route<B>(response: &ServiceResponse<B>) -> Option<&RoutePattern> {
    response.request().app_data()
}

impl<B: MessageBody> Seen<'_, B> {
    fn for_metrics(&self) -> metrics::RequestLabels {
        let (route, status) = match self.outcome {
            Ok(response) => (route(response).cloned(), response.status()),
            Err(error) => (None, error.as_response_error().status_code()),
        };
        metrics::RequestLabels { route, method: self.method, status: status.as_u16() }
    }

    fn tell(&self) {
        match self.outcome {
            Ok(response) => {
                if tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
                    self.log(response);
                }
            }
            // The request went down with the failure.
            Err(error) => {
                let status = error.as_response_error().status_code();
                let (method, status, duration_us) = (self.method, status.as_u16(), self.micros());
                tracing::info!(target: ACCESS, method, route = RoutePattern::UNKNOWN, status, duration_us, "answered");
            }
        }
    }

    fn log(&self, response: &ServiceResponse<B>) {
        let route = route(response).map_or(RoutePattern::UNKNOWN, RoutePattern::as_str);
        let extensions = response.request().extensions();
        let caller = extensions.get::<Caller>();
        let mut principal = String::new();
        if let Some(caller) = caller {
            // Writing to a text does not fail.
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
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(sent: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        parent(&headers).map(|parent| parent.trace_id.to_owned())
    }

    #[test]
    fn a_trace_is_taken_up_where_its_parent_is_spelt_right() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(&[&format!("00-{TRACE}-00f067aa0ba902b7-01")]).as_deref(), Some(TRACE));
        assert_eq!(of(&[&format!("cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later")]).as_deref(), Some(TRACE));
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
            assert_eq!(of(&[sent]), None, "{sent}");
        }
        let right = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(of(&[&right, &right]), None, "which of two it is would be anyone's guess");
    }
}
