//! Where every request comes in, and every response leaves: failures get their body, their challenge and their line in the log.
//!
//! A service of its own and not `from_fn`, which boxes a future for each request.

use std::any::Any;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_pending};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{Error as ActixError, HttpMessage, HttpRequest, HttpResponse, web};
use actix_web_httpauth::headers::www_authenticate::Challenge;
use pin_project_lite::pin_project;

use super::limits::{self, IncomingBody, RequestLimits};
use super::metrics::Metrics;
use crate::auth::challenge;
use crate::auth::resource::ProtectedResource;
use crate::error::{Error, answer_for};
use crate::error_chain::error_chain;
use crate::request_id::{REQUEST_ID, RequestId};
use crate::services::ReadinessService;

/// What answers are made by: shared by all workers, and taken by each request once.
pub(super) struct AnswerRules {
    pub(super) limits: RequestLimits,
    pub(super) metrics: web::Data<Metrics>,
    pub(super) readiness: web::Data<ReadinessService>,
    pub(super) resource: web::Data<ProtectedResource>,
    /// Whether the world reaches the service by https.
    pub(super) is_https: bool,
}

/// What an answer is to browsers, unless it says otherwise itself: data that no page is to load, show or keep.
const CONTENT_SECURITY: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year, for this host alone: what stands beside it is not ours to decide.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Why a request was refused or failed: kept with its answer, for the line in the log that tells of the request.
pub(super) struct Reason(pub(super) &'static str);

/// Checks what a request brings, and answers failures, panics among them, as problems.
pub(super) struct Answer;

impl<S, B> Transform<S, ServiceRequest> for Answer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = ActixError;
    type Transform = Answering<S>;
    type InitError = ();
    type Future = Ready<Result<Answering<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Answering { next: service }))
    }
}

/// [`Answer`] around what comes next.
pub(super) struct Answering<S> {
    next: S,
}

impl<S, B> Service<ServiceRequest> for Answering<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = ActixError;
    type Future = AnswerFuture<S::Future>;

    forward_ready!(next);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let leaving = Leaving::of(request.request());
        let mut body = None;
        if let Some(rules) = &leaving.rules {
            body = rules.limits.take_body(&mut request);
            if let Err(refusal) = rules.limits.check_head(&request) {
                let refused = leaving.finish(request.error_response(refusal), body);
                return AnswerFuture::Given { answer: Some(Ok(refused)) };
            }
        }
        match catching(|| self.next.call(request)) {
            Ok(work) => AnswerFuture::Awaited { work, body, leaving },
            Err(panicked) => AnswerFuture::Given { answer: Some(Err(leaving.wrap(&panicked))) },
        }
    }
}

pin_project! {
    /// The answer, now or later.
    #[project = AnswerProjection]
    pub(super) enum AnswerFuture<F> {
        Given { answer: Option<Result<ServiceResponse<BoxBody>, ActixError>> },
        Awaited { #[pin] work: F, body: Option<IncomingBody>, leaving: Leaving },
    }
}

impl<F, B> Future for AnswerFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, ActixError>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<BoxBody>, ActixError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (work, body, leaving) = match self.project() {
            AnswerProjection::Given { answer } => {
                return Poll::Ready(answer.take().expect("nobody asks again for what was answered"));
            }
            AnswerProjection::Awaited { work, body, leaving } => (work, body, leaving),
        };
        Poll::Ready(match catching(|| work.poll(context)) {
            Ok(polled) => match ready_or_pending!(polled) {
                Ok(response) => Ok(leaving.finish(response.map_into_boxed_body(), body.take())),
                // The request went down with the failure, so the answer travels as one.
                Err(error) => Err(leaving.wrap(&Error::from(&error))),
            },
            Err(panicked) => Err(leaving.wrap(&panicked)),
        })
    }
}

/// What `work` comes to, or that it panicked.
fn catching<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    let panicked = |_: Box<dyn Any + Send>| Error::Internal("the handler panicked".into());
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked)
}

/// A failure that something around [`Answer`] has found, as the answer to its request.
pub(super) fn refuse(response: ServiceResponse<BoxBody>, error: &Error) -> ServiceResponse<BoxBody> {
    let leaving = Leaving::of(response.request());
    let mut refused = leaving.failure(error);
    leaving.finish_head(&mut refused);
    response.into_response(refused)
}

/// What the answer needs of the request, taken before the request is handed on.
struct Leaving {
    request_id: RequestId,
    rules: Option<web::Data<AnswerRules>>,
}

impl Leaving {
    fn of(request: &HttpRequest) -> Self {
        let id = request.extensions().get::<RequestId>().copied();
        let request_id = id.unwrap_or_else(RequestId::fresh);
        Self { request_id, rules: request.app_data().cloned() }
    }

    fn finish(&self, response: ServiceResponse<BoxBody>, body: Option<IncomingBody>) -> ServiceResponse<BoxBody> {
        let failure = response.response().error().map(|error| match error.as_error::<Error>() {
            Some(error) => self.failure(error),
            None => self.failure(&Error::from(error)),
        });
        let mut response = match failure {
            Some(failure) => response.into_response(failure),
            None => response,
        };
        self.finish_head(response.response_mut());
        limits::hold_unread(body, response)
    }

    fn wrap(&self, error: &Error) -> ActixError {
        let mut response = self.failure(error);
        self.finish_head(&mut response);
        InternalError::from_response("answered", response).into()
    }

    fn failure(&self, error: &Error) -> HttpResponse {
        log(error);
        if let Some(rules) = &self.rules {
            rules.metrics.refused(error.reason());
        }
        let mut response = answer_for(error, self.request_id.as_str());
        response.extensions_mut().insert(Reason(error.reason()));
        let challenge = self.rules.as_ref().and_then(|rules| challenge::of(error, &rules.resource));
        if let Some(value) = challenge.and_then(|challenge| HeaderValue::from_maybe_shared(challenge.to_bytes()).ok()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        response
    }

    /// What every answer carries, failures and panics among them.
    fn finish_head(&self, response: &mut HttpResponse) {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY));
        }
        if self.rules.as_ref().is_some_and(|rules| rules.is_https) {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT_SECURITY));
        }
        if let Ok(id) = HeaderValue::from_str(self.request_id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        if self.rules.as_ref().is_some_and(|rules| rules.readiness.is_stopping()) {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
    }
}

/// A failure of ours is logged here, with its causes; the reason for any other is in the line that tells of the request.
fn log(error: &Error) {
    if error.problem().status >= StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(reason = error.reason(), cause = error_chain(error), "failed");
    }
}
