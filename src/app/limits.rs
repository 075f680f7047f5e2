//! Limits on what a request may bring, checked before anything looks at it.
//!
//! Actix bounds the head of a request in size and time, and bodies in size; how long a body may take, and how long the rest of one may go
//! on coming after its request was answered, is bounded here.

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

use super::hosts::Hosts;
use crate::auth::TrustedProxies;
use crate::error::Error;

/// What a request may bring.
pub(super) struct RequestLimits {
    /// The longest header field, in bytes.
    pub(super) field_bytes: usize,
    /// How long a body may take.
    pub(super) body: Duration,
    pub(super) proxies: std::sync::Arc<TrustedProxies>,
    /// The names by which the service may be asked; `None` for any.
    pub(super) hosts: Option<Hosts>,
}

impl RequestLimits {
    /// Gives the request's body, if it has one, a time to end, and returns it to be [held](hold_unread).
    pub(super) fn take_body(&self, request: &mut ServiceRequest) -> Option<IncomingBody> {
        let body = match request.take_payload() {
            Payload::None => return None,
            body => IncomingBody::of(body),
        };
        request.set_payload(Payload::Stream { payload: Box::pin(InTime::new(body.clone(), self.body)) });
        Some(body)
    }

    /// Refuses a request with an oversized header field, whichever it is, and one that asks for another host.
    pub(super) fn check_head(&self, request: &ServiceRequest) -> Result<(), Error> {
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

/// Has the answer hold a body that was not read until all of it is written: then the connection is closed. A chunked body that nobody
/// holds any more actix would read to its end instead, which may never come.
pub(super) fn hold_unread(body: Option<IncomingBody>, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    match body.filter(|body| !body.has_ended()) {
        Some(unread) => response.map_body(|_, answer| BoxBody::new(UnreadBodyResponse { answer, _unread: unread })),
        None => response,
    }
}

/// An answer to a request whose body was not read.
struct UnreadBodyResponse {
    answer: BoxBody,
    _unread: IncomingBody,
}

impl MessageBody for UnreadBodyResponse {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}

/// A body on its way in.
#[derive(Clone)]
pub(super) struct IncomingBody(Rc<RefCell<Incoming>>);

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

/// A body that fails when its time is over.
struct InTime {
    body: IncomingBody,
    end: Pin<Box<Sleep>>,
}

impl InTime {
    fn new(body: IncomingBody, time: Duration) -> Self {
        Self { body, end: Box::pin(tokio::time::sleep(time)) }
    }
}

impl Stream for InTime {
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
