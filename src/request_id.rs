//! The request id, used in the log, the audit trail and the response.
//!
//! An id sent by a trusted proxy becomes the request id. Any other client could repeat the id of another request, or choose one that evades
//! a search, so its id is only recorded in addition to a generated one ([`RequestId::of`]).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::timestamp::context::ThreadLocalContext;
use uuid::{ContextV7, Timestamp, Uuid};

/// The header that carries the id in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The shortest accepted id: long enough to identify a request.
const SHORTEST: usize = 8;
/// The longest accepted id: shorter than any token.
const LONGEST: usize = 64;

thread_local! {
    /// Orders the ids of one millisecond. Per thread, because `Uuid::now_v7` takes a lock that all workers would share.
    static COUNTER: ContextV7 = const { ContextV7::new() };
}

/// The id of a request, stored inline: a copy is cheaper than a shared allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId {
    /// ASCII.
    text: [u8; LONGEST],
    length: u8,
}

impl RequestId {
    /// The request id, and the id that the client sent if it was not adopted. `is_from_proxy` is called only if the request has an id.
    pub(crate) fn of(headers: &HeaderMap, is_from_proxy: impl FnOnce() -> bool) -> (Self, Option<Box<Self>>) {
        match Self::from_headers(headers) {
            None => (Self::fresh(), None),
            Some(id) if is_from_proxy() => (id, None),
            Some(id) => (Self::fresh(), Some(Box::new(id))),
        }
    }

    /// The id in these headers; `None` unless there is exactly one and it is valid.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(REQUEST_ID);
        let only = values.next().filter(|_| values.next().is_none());
        only.and_then(|id| id.to_str().ok()).and_then(Self::parse)
    }

    /// A new id (UUIDv7, so that ids sort by time).
    pub(crate) fn fresh() -> Self {
        let time = Timestamp::now(ThreadLocalContext::new(&COUNTER));
        Self::copy(Uuid::new_v7(time).hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    /// Accepts letters, digits, `-` and `_`, none of which can end a line or a field in any output. A dot is refused because every JWT
    /// contains one.
    fn parse(id: &str) -> Option<Self> {
        let is_plain = id.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        (is_plain && (SHORTEST..=LONGEST).contains(&id.len())).then(|| Self::copy(id))
    }

    /// Copies at most the first [`LONGEST`] octets.
    fn copy(id: &str) -> Self {
        let mut text = [0; LONGEST];
        let length = text.iter_mut().zip(id.bytes()).map(|(to, from)| *to = from).count();
        // The cast is exact: `length` is at most `LONGEST`.
        Self { text, length: length as u8 }
    }

    pub(crate) fn as_str(&self) -> &str {
        let written = self.text.get(..usize::from(self.length)).unwrap_or_default();
        str::from_utf8(written).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromRequest for RequestId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().copied().unwrap_or_else(Self::fresh)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(is_from_proxy: bool, sent: &[&str]) -> (RequestId, Option<Box<RequestId>>) {
        let mut headers = HeaderMap::new();
        for id in sent {
            headers.append(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        }
        RequestId::of(&headers, || is_from_proxy)
    }

    #[test]
    fn id_from_a_trusted_proxy_is_adopted() {
        for id in ["req-0001", "019f9f5c-0000-7000-8000-000000000000", &"a".repeat(64)] {
            let (own, client_id) = of(true, &[id]);
            assert_eq!((own.as_str(), client_id), (id, None));
        }
    }

    #[test]
    fn id_from_another_client_is_recorded_in_addition_to_a_new_one() {
        let (own, client_id) = of(false, &["req-0001"]);
        assert!(Uuid::parse_str(own.as_str()).is_ok(), "{own}");
        assert_eq!(client_id.unwrap().as_str(), "req-0001");
    }

    #[test]
    fn invalid_or_repeated_id_is_dropped() {
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln";
        for sent in [
            vec![],
            vec!["short"],
            vec![&"a".repeat(65)],
            vec!["two words"],
            vec!["a\tb-c-d-e-f"],
            vec!["é-0123456789"],
            vec![jwt],
            // Two headers are ambiguous.
            vec!["req-0001", "req-0001"],
        ] {
            for is_from_proxy in [true, false] {
                let (id, client_id) = of(is_from_proxy, &sent);
                assert!(Uuid::parse_str(id.as_str()).is_ok() && client_id.is_none(), "{sent:?} became {id}");
            }
        }
    }
}
