//! The middleware that checks the limits of requests and completes responses: a failure gets its body, its challenge and its log line.
//!
//! Not built with `from_fn`, which allocates a boxed future per request.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_pending};
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    TryIntoHeaderPair, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{Error as ActixError, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use actix_web_httpauth::headers::www_authenticate::WwwAuthenticate;
use pin_project_lite::pin_project;

use super::received::Received;
use crate::auth::challenge;
use crate::auth::resource::ProtectedResource;
use crate::error::{Error, answer_for};
use crate::limits::request_limits::{self, IncomingBody, RequestLimits};
use crate::metrics::{Metrics, method_label};
use crate::request_id::{REQUEST_ID, RequestId};
use crate::services::ReadinessService;
use crate::telemetry::error_chain;

/// The dependencies of responses, shared by all workers and looked up once per request.
pub(crate) struct ResponseRules {
    pub(crate) limits: RequestLimits,
    pub(crate) metrics: web::Data<Metrics>,
    pub(crate) readiness: web::Data<ReadinessService>,
    pub(crate) resource: web::Data<ProtectedResource>,
    /// Whether the public URL is https.
    pub(crate) is_https: bool,
}

/// The content security policy of a response that sets none: data that no page may load or embed.
const CONTENT_SECURITY: &str = "default-src 'none'; frame-ancestors 'none'";
/// One year, for this host only: its subdomains may belong to other services.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The reason of a failure, kept with the response for the access log.
pub(crate) struct Reason(pub(crate) &'static str);

/// Checks the limits of a request, and turns failures and panics into problem responses.
pub(crate) struct Responses;

impl<S, B> Transform<S, ServiceRequest> for Responses
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = ActixError;
    type Transform = ResponseMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<ResponseMiddleware<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ResponseMiddleware { next: service }))
    }
}

/// The middleware of [`Responses`].
pub(crate) struct ResponseMiddleware<S> {
    next: S,
}

impl<S, B> Service<ServiceRequest> for ResponseMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = ActixError;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(next);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let context = ResponseContext::of(request.request());
        let mut body = None;
        if let Some(rules) = &context.rules {
            body = rules.limits.take_body(&mut request);
            if let Err(refusal) = rules.limits.check_head(&request) {
                let refused = context.finish(request.error_response(refusal), body);
                return ResponseFuture::Ready { response: Some(Ok(refused)) };
            }
        }
        match catching(|| self.next.call(request)) {
            Ok(work) => ResponseFuture::Pending { work, body, context },
            Err(panicked) => ResponseFuture::Ready { response: Some(Err(context.wrap(&panicked))) },
        }
    }
}

pin_project! {
    /// The response of [`ResponseMiddleware`].
    #[project = ResponseProjection]
    pub(crate) enum ResponseFuture<F> {
        Ready { response: Option<Result<ServiceResponse<BoxBody>, ActixError>> },
        Pending { #[pin] work: F, body: Option<IncomingBody>, context: ResponseContext },
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, ActixError>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<BoxBody>, ActixError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let (work, body, context) = match self.project() {
            ResponseProjection::Ready { response } => {
                return Poll::Ready(response.take().expect("a future is not polled after completion"));
            }
            ResponseProjection::Pending { work, body, context } => (work, body, context),
        };
        Poll::Ready(match catching(|| work.poll(task)) {
            Ok(polled) => match ready_or_pending!(polled) {
                Ok(response) => Ok(context.finish(response.map_into_boxed_body(), body.take())),
                // The error does not carry the request, so the response is returned as an error as well.
                Err(error) => Err(context.wrap(&Error::from(&error))),
            },
            Err(panicked) => Err(context.wrap(&panicked)),
        })
    }
}

/// Runs `work` and turns a panic into an error.
fn catching<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    let panicked = |_: Box<dyn Any + Send>| Error::Internal("the handler panicked".into());
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked)
}

/// Replaces a response by that of `error`, for middleware outside of [`Responses`].
pub(crate) fn refuse(response: ServiceResponse<BoxBody>, error: &Error) -> ServiceResponse<BoxBody> {
    let context = ResponseContext::of(response.request());
    let mut refused = context.failure(error);
    context.finish_head(&mut refused);
    response.into_response(refused)
}

/// The data of a request that its response needs, read before the request is passed on.
struct ResponseContext {
    request_id: RequestId,
    received: Received,
    method: &'static str,
    rules: Option<web::Data<ResponseRules>>,
}

impl ResponseContext {
    fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        Self {
            request_id: extensions.get().copied().unwrap_or_else(RequestId::fresh),
            received: extensions.get().copied().unwrap_or_else(|| Received(Instant::now())),
            method: method_label(request.method()),
            rules: request.app_data().cloned(),
        }
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
        request_limits::hold_unread(body, response)
    }

    fn wrap(&self, error: &Error) -> ActixError {
        let mut response = self.failure(error);
        self.finish_head(&mut response);
        LostRequest::new(self.method, self.received, response).into()
    }

    fn failure(&self, error: &Error) -> HttpResponse {
        log(error);
        if let Some(rules) = &self.rules {
            rules.metrics.refused(error.reason());
        }
        let mut response = answer_for(error, self.request_id.as_str());
        response.extensions_mut().insert(Reason(error.reason()));
        let challenge = self.rules.as_ref().and_then(|rules| challenge::of(error, &rules.resource));
        if let Some(Ok((name, value))) = challenge.map(|challenge| WwwAuthenticate(challenge).try_into_pair()) {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// Sets the headers of every response, including failures and panics.
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

/// A response without its request, as an error: the request was lost with the future that failed.
pub(super) struct LostRequest {
    pub(super) method: &'static str,
    pub(super) received: Received,
    status: StatusCode,
    response: Cell<Option<HttpResponse>>,
}

impl LostRequest {
    pub(super) fn new(method: &'static str, received: Received, response: HttpResponse) -> Self {
        Self { method, received, status: response.status(), response: Cell::new(Some(response)) }
    }
}

impl ResponseError for LostRequest {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The response. Actix asks for it once, when it sends it.
    fn error_response(&self) -> HttpResponse {
        self.response.take().unwrap_or_else(|| HttpResponse::new(self.status))
    }
}

impl fmt::Display for LostRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("answered")
    }
}

impl fmt::Debug for LostRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostRequest").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Logs a failure of the service with its causes. For other failures the access log has the reason.
fn log(error: &Error) {
    if error.problem().status >= StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(reason = error.reason(), cause = error_chain(error), "failed");
    }
}
