//! The request context of a thread, added to each of its log lines.
//!
//! A `tracing` span carries the same fields, but is created only where a subscriber needs it: a filter that names spans, the
//! human-readable log, or trace export. Elsewhere this thread-local replaces it, because a span would cost more than all other logging of
//! the request.

use std::cell::RefCell;
use std::fmt::{self, Write};

use tracing::Span;

use crate::request_id::RequestId;

/// The request that the current thread processes.
#[derive(Clone)]
pub(crate) struct Scope {
    request_id: RequestId,
    trace_id: Option<Box<str>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

impl Scope {
    /// The context of a request. `trace_id` must be alphanumeric: it is written unescaped.
    pub(crate) fn new(request_id: RequestId, trace_id: Option<&str>) -> Self {
        Self { request_id, trace_id: trace_id.map(Into::into) }
    }

    /// Runs `work` in this request's context.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _outer = Outer(CURRENT.replace(Some(self.clone())));
        work()
    }
}

/// Restores the previous context when dropped.
struct Outer(Option<Scope>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Writes the current request as further members of a JSON object that already has at least one.
pub(crate) fn write_current(writer: &mut impl Write) -> fmt::Result {
    CURRENT.with_borrow(|current| {
        let Some(Scope { request_id, trace_id }) = current else { return Ok(()) };
        write!(writer, ",\"request_id\":\"{request_id}\"")?;
        trace_id.iter().try_for_each(|trace_id| write!(writer, ",\"trace_id\":\"{trace_id}\""))
    })
}

/// The request context and span of a thread, to be moved to another thread.
#[derive(Clone)]
pub(crate) struct Surroundings {
    scope: Option<Scope>,
    span: Span,
}

impl Surroundings {
    pub(crate) fn current() -> Self {
        Self { scope: CURRENT.with_borrow(Clone::clone), span: Span::current() }
    }

    /// Runs `work` within this context and span.
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

    fn current_members() -> String {
        let mut members = String::new();
        write_current(&mut members).unwrap();
        members
    }

    /// Polls `work` in the request's context.
    async fn within(scope: Scope, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|context| scope.enter(|| work.as_mut().poll(context))).await;
    }

    #[tokio::test]
    async fn requests_interleaved_on_one_thread_keep_separate_contexts() {
        let work = |id: &'static str| {
            within(scope(id), async move {
                for _ in 0..3 {
                    assert_eq!(current_members(), format!(",\"request_id\":\"{id}\""));
                    tokio::task::yield_now().await;
                    assert_eq!(current_members(), format!(",\"request_id\":\"{id}\""));
                }
            })
        };
        tokio::join!(work("request-1"), work("request-2"));
        assert_eq!(current_members(), "");
    }

    #[test]
    fn panic_restores_the_previous_context() {
        let panicked = std::panic::catch_unwind(|| scope("request-1").enter(|| panic!("on purpose")));
        assert!(panicked.is_err() && current_members().is_empty());
    }

    #[test]
    fn context_can_be_moved_to_another_thread() {
        let surroundings = Scope::new(request("request-1"), Some("4bf9")).enter(Surroundings::current);
        let elsewhere = std::thread::spawn(move || (surroundings.enter(current_members), current_members()));
        let (within, after) = elsewhere.join().unwrap();
        assert_eq!((within.as_str(), after.as_str()), (",\"request_id\":\"request-1\",\"trace_id\":\"4bf9\"", ""));
    }
}
