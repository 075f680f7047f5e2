//! The id of a request: what the log, the audit trail and the answer call it.
//!
//! An id that a trusted proxy sends is the request's own. Any other sender could repeat the id of another request, or choose one that hides
//! it in a search, so theirs is only noted beside ours ([`RequestId::of`]).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::timestamp::context::ThreadLocalContext;
use uuid::{ContextV7, Timestamp, Uuid};

/// Carries the id, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The shortest id that is taken from a request: long enough to tell requests apart.
const SHORTEST: usize = 8;
/// The longest: too short for a token to be taken for one.
const LONGEST: usize = 64;

thread_local! {
    /// Orders the ids of one millisecond. One a thread: `Uuid::now_v7` has a lock that all workers would share.
    static COUNTER: ContextV7 = const { ContextV7::new() };
}

/// The id of a request. It lies where it is used: there is one for each
/// request, and copies are cheaper than what would be shared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId {
    /// ASCII.
    text: [u8; LONGEST],
    length: u8,
}

impl RequestId {
    /// The id that a request goes by, and the one that its sender gave it if that is another. Whether a proxy vouches for the sender's is
    /// asked only where there is one.
    pub(crate) fn of(headers: &HeaderMap, is_from_proxy: impl FnOnce() -> bool) -> (Self, Option<Box<Self>>) {
        match Self::sent(headers) {
            None => (Self::fresh(), None),
            Some(id) if is_from_proxy() => (id, None),
            Some(id) => (Self::fresh(), Some(Box::new(id))),
        }
    }

    /// The id in these fields, where it is fit to be written down.
    fn sent(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(REQUEST_ID);
        let only = sent.next().filter(|_| sent.next().is_none());
        only.and_then(|id| id.to_str().ok()).and_then(Self::fit)
    }

    /// A new one (UUIDv7, so that ids sort by time).
    pub(crate) fn fresh() -> Self {
        let time = Timestamp::now(ThreadLocalContext::new(&COUNTER));
        Self::copy(Uuid::new_v7(time).hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    /// This text, if it has nothing that could end a line or a field anywhere: letters, digits, `-` and `_`, and no dot, which every JWT
    /// has.
    fn fit(id: &str) -> Option<Self> {
        let is_fit = id.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        (is_fit && (SHORTEST..=LONGEST).contains(&id.len())).then(|| Self::copy(id))
    }

    /// Of a text that is not too long.
    fn copy(id: &str) -> Self {
        let mut text = [0; LONGEST];
        let length = text.iter_mut().zip(id.bytes()).map(|(to, from)| *to = from).count();
        // No longer than the text, which is shorter.
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
    fn id_of_a_proxy_is_the_requests_own() {
        for id in ["req-0001", "019f9f5c-0000-7000-8000-000000000000", &"a".repeat(64)] {
            let (own, noted) = of(true, &[id]);
            assert_eq!((own.as_str(), noted), (id, None));
        }
    }

    #[test]
    fn id_of_another_client_is_noted_beside_a_new_one() {
        let (own, noted) = of(false, &["req-0001"]);
        assert!(Uuid::parse_str(own.as_str()).is_ok(), "{own}");
        assert_eq!(noted.unwrap().as_str(), "req-0001");
    }

    #[test]
    fn id_that_is_not_fit_to_be_written_down_is_dropped() {
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln";
        for sent in [
            vec![],
            vec!["short"],
            vec![&"a".repeat(65)],
            vec!["two words"],
            vec!["a\tb-c-d-e-f"],
            vec!["é-0123456789"],
            vec![jwt],
            // Which of two it is cannot be known.
            vec!["req-0001", "req-0001"],
        ] {
            for is_from_proxy in [true, false] {
                let (id, noted) = of(is_from_proxy, &sent);
                assert!(Uuid::parse_str(id.as_str()).is_ok() && noted.is_none(), "{sent:?} became {id}");
            }
        }
    }
}
