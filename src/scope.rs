//! Which request a thread is at work for, for the lines that it logs.
//!
//! A span of `tracing` around the request says so too, and is made where spans are asked for: by a filter that names them, by the log for
//! people, by whoever exports traces. Elsewhere it would cost more than all else that is done to tell of the request, and this takes its place.

use std::cell::RefCell;
use std::fmt::{self, Write};

use tracing::Span;

use crate::request_id::RequestId;

/// The request that a thread is at work for.
#[derive(Clone)]
pub(crate) struct Scope {
    request_id: RequestId,
    trace_id: Option<Box<str>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

impl Scope {
    /// The request of this id, and of this trace, which is letters and digits.
    pub(crate) fn new(request_id: RequestId, trace_id: Option<&str>) -> Self {
        Self { request_id, trace_id: trace_id.map(Into::into) }
    }

    /// Runs `work` as the request's.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _outer = Outer(CURRENT.replace(Some(self.clone())));
        work()
    }
}

/// What the thread was at work for before, and is again when this goes.
struct Outer(Option<Scope>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Writes the request that the thread is at work for as what it becomes: members of a JSON object that has some before.
pub(crate) fn write_current(writer: &mut impl Write) -> fmt::Result {
    CURRENT.with_borrow(|current| {
        let Some(Scope { request_id, trace_id }) = current else { return Ok(()) };
        write!(writer, ",\"request_id\":\"{request_id}\"")?;
        trace_id.iter().try_for_each(|trace_id| write!(writer, ",\"trace_id\":\"{trace_id}\""))
    })
}

/// What a thread does its work within, to be taken to another.
#[derive(Clone)]
pub(crate) struct Surroundings {
    scope: Option<Scope>,
    span: Span,
}

impl Surroundings {
    pub(crate) fn current() -> Self {
        Self { scope: CURRENT.with_borrow(Clone::clone), span: Span::current() }
    }

    /// Runs `work` within them.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(|| match &self.scope {
            Some(scope) => scope.enter(work),
            None => work(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;

    use actix_web::http::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::request_id::REQUEST_ID;

    fn request(id: &'static str) -> RequestId {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]);
        RequestId::of(&headers, || true).0
    }

    fn scope(id: &'static str) -> Scope {
        Scope::new(request(id), None)
    }

    fn told() -> String {
        let mut told = String::new();
        write_current(&mut told).unwrap();
        told
    }

    /// Does `work` as the request's, piece by piece.
    async fn within(scope: Scope, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|context| scope.enter(|| work.as_mut().poll(context))).await;
    }

    #[tokio::test]
    async fn requests_that_take_turns_on_a_thread_are_told_apart() {
        let work = |id: &'static str| {
            within(scope(id), async move {
                for _ in 0..3 {
                    assert_eq!(told(), format!(",\"request_id\":\"{id}\""));
                    tokio::task::yield_now().await;
                    assert_eq!(told(), format!(",\"request_id\":\"{id}\""));
                }
            })
        };
        tokio::join!(work("request-1"), work("request-2"));
        assert_eq!(told(), "");
    }

    #[test]
    fn a_panic_does_not_leave_the_request_behind() {
        let panicked = std::panic::catch_unwind(|| scope("request-1").enter(|| panic!("on purpose")));
        assert!(panicked.is_err() && told().is_empty());
    }

    #[test]
    fn work_that_goes_on_elsewhere_is_still_the_requests() {
        let surroundings = Scope::new(request("request-1"), Some("4bf9")).enter(Surroundings::current);
        let elsewhere = std::thread::spawn(move || (surroundings.enter(told), told()));
        let (within, after) = elsewhere.join().unwrap();
        assert_eq!((within.as_str(), after.as_str()), (",\"request_id\":\"request-1\",\"trace_id\":\"4bf9\"", ""));
    }
}
