//! Limits of a request, checked before any other part reads it.
//!
//! Actix limits the head of a request in size and time, and the body in size. This module limits the time of a body, also of one that is
//! still arriving after the response.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::HOST;
use actix_web::{HttpMessage, web};
use futures_util::Stream;
use tokio::time::Sleep;

use super::TrustedProxies;
use super::hosts::Hosts;
use crate::error::Error;

/// The limits of a request.
pub(crate) struct RequestLimits {
    /// The maximum length of a header field value, in bytes.
    pub(crate) field_bytes: usize,
    /// The time limit of a body.
    pub(crate) body: Duration,
    pub(crate) proxies: std::sync::Arc<TrustedProxies>,
    /// The accepted values of `Host`; `None` accepts any.
    pub(crate) hosts: Option<Hosts>,
}

impl RequestLimits {
    /// Sets the time limit of the request's body, if it has one, and returns the body for [`hold_unread`].
    pub(crate) fn take_body(&self, request: &mut ServiceRequest) -> Option<IncomingBody> {
        let body = match request.take_payload() {
            Payload::None => return None,
            body => IncomingBody::of(body),
        };
        request.set_payload(Payload::Stream { payload: Box::pin(TimedBody::new(body.clone(), self.body)) });
        Some(body)
    }

    /// Rejects a request with an oversized header field or an unknown `Host`.
    pub(crate) fn check_head(&self, request: &ServiceRequest) -> Result<(), Error> {
        let limit = self.field_bytes;
        for (name, value) in request.headers() {
            self.proxies.notice(request, name);
            if *name == HOST && self.hosts.as_ref().is_some_and(|hosts| !hosts.has(value)) {
                return Err(Error::UnknownHost);
            }
            if value.len() > limit {
                return Err(Error::HeaderTooLarge { limit });
            }
        }
        Ok(())
    }
}

/// Keeps an unread body alive until the response is written, so that Actix closes the connection. Actix would read a dropped chunked body
/// to its end, which may never come.
pub(crate) fn hold_unread(body: Option<IncomingBody>, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    match body.filter(|body| !body.has_ended()) {
        Some(unread) => response.map_body(|_, inner| BoxBody::new(UnreadBodyResponse { inner, _unread: unread })),
        None => response,
    }
}

/// The body of a response, together with the unread body of its request.
struct UnreadBodyResponse {
    inner: BoxBody,
    _unread: IncomingBody,
}

impl MessageBody for UnreadBodyResponse {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.inner).poll_next(context)
    }
}

/// A request body, shared by the handler and the response.
#[derive(Clone)]
pub(crate) struct IncomingBody(Rc<RefCell<Incoming>>);

struct Incoming {
    payload: Payload,
    has_ended: bool,
}

impl IncomingBody {
    fn of(payload: Payload) -> Self {
        Self(Rc::new(RefCell::new(Incoming { payload, has_ended: false })))
    }

    fn has_ended(&self) -> bool {
        self.0.borrow().has_ended
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, PayloadError>>> {
        let mut incoming = self.0.borrow_mut();
        let polled = Pin::new(&mut incoming.payload).poll_next(context);
        incoming.has_ended |= matches!(polled, Poll::Ready(None));
        polled
    }
}

/// A request body that fails with a timeout at its time limit.
struct TimedBody {
    body: IncomingBody,
    end: Pin<Box<Sleep>>,
}

impl TimedBody {
    fn new(body: IncomingBody, time: Duration) -> Self {
        Self { body, end: Box::pin(tokio::time::sleep(time)) }
    }
}

impl Stream for TimedBody {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.body.poll(context) {
            Poll::Pending => {
                self.end.as_mut().poll(context).map(|()| Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
            polled => polled,
        }
    }
}
