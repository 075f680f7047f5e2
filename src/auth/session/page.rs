//! Whether the page that sent a cookie-authenticated request, as described by the browser, may send it.
//!
//! A browser attaches a cookie to a request of any page, so the cookie alone does not authorize a request. Three rules, by what the
//! request can do:
//!
//! - A change (any method but GET, HEAD and OPTIONS) comes from an allowed origin and has `X-Requested-With`, which neither a form nor an
//!   unapproved page of another origin can set.
//! - A connection that outlasts its request (an upgrade such as WebSocket, an event stream) comes from an allowed origin. CORS does not
//!   apply to a WebSocket (RFC 6455 section 10.2), and a script can set no field on a WebSocket or an `EventSource`, so only the origin
//!   can be checked.
//! - A read does not come from a page of a foreign origin: its `Origin`, if present, is allowed, and its `Sec-Fetch-Site`, if present,
//!   names a page of this service or a navigation by the user. Links from other sites to a document still work. CORS and CORP already
//!   hide the response from foreign pages; this rule also prevents them from measuring it (resource isolation policy, W3C Fetch Metadata).

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE};

use super::Origins;
use crate::error::{CrossSite, Error};

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_WEBSOCKET: &str = "sec-websocket-";
const EVENT_STREAM: &[u8] = b"text/event-stream";

/// Refuses a cookie-authenticated request that a page outside `origins` could have sent.
pub(super) fn check(origins: &Origins, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    let sender = Sender::of(origins, headers);
    let outlasts_the_request = asks_for_an_upgrade(headers) || asks_for_an_event_stream(headers);
    if outlasts_the_request && sender != Sender::Allowed {
        return Err(Error::CrossSite(CrossSite::Connection));
    }
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS if sender != Sender::Foreign => Ok(()),
        Method::GET | Method::HEAD | Method::OPTIONS => Err(Error::CrossSite(CrossSite::Read)),
        _ if sender == Sender::Allowed && is_scripted(headers) => Ok(()),
        _ => Err(Error::CrossSite(CrossSite::Change)),
    }
}

/// The sender of a request, according to its header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// A page of an allowed origin.
    Allowed,
    /// No page (an address bar, a bookmark, a link), or a client that does not send these fields.
    Unknown,
    /// A page of an origin that is not allowed.
    Foreign,
}

impl Sender {
    fn of(origins: &Origins, headers: &HeaderMap) -> Self {
        let mut sent = headers.get_all(ORIGIN);
        match (sent.next(), sent.next()) {
            (Some(origin), None) if origin.to_str().is_ok_and(|origin| origins.contains(origin)) => Self::Allowed,
            (Some(_), _) => Self::Foreign,
            (None, _) => Self::without_origin(headers),
        }
    }

    /// Browsers omit `Origin` in same-origin reads, in navigations, and in requests of elements such as `<img>`.
    fn without_origin(headers: &HeaderMap) -> Self {
        let mut sites = headers.get_all(SEC_FETCH_SITE);
        match (sites.next(), sites.next()) {
            (None, _) => Self::Unknown,
            (Some(site), None) if site == "same-origin" => Self::Allowed,
            (Some(site), None) if site == "none" || is_navigation(headers) => Self::Unknown,
            _ => Self::Foreign,
        }
    }
}

/// Whether the response becomes a top-level document, not a frame.
fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|sent| sent == value);
    is(SEC_FETCH_MODE, "navigate") && is(SEC_FETCH_DEST, "document")
}

fn is_scripted(headers: &HeaderMap) -> bool {
    headers.get(REQUESTED_WITH).is_some_and(|value| !value.is_empty())
}

/// Whether the request asks for an upgrade. Any sign counts, because libraries differ in the fields that they require.
fn asks_for_an_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        || headers.get_all(CONNECTION).any(|value| contains(value, b"upgrade"))
        || headers.keys().any(|name| name.as_str().starts_with(SEC_WEBSOCKET))
}

fn asks_for_an_event_stream(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).any(|value| contains(value, EVENT_STREAM))
}

/// Whether the value contains `part`, ignoring case. `part` is lower case and not empty.
fn contains(value: &HeaderValue, part: &[u8]) -> bool {
    value.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}
