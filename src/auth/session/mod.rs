//! A person who came by a session's cookie: how it is read, and what else such a request has to show.
//!
//! A cookie is sent by the browser, whichever page asks for it. So whatever changes something must come from a page that may act here
//! ([`Origins`]), and must have been sent by a script of it: `X-Requested-With` is no field that a form, or a page of another origin
//! unasked, can send.

mod cookies;
mod origins;

pub(crate) use cookies::{Cookies, Jar};
pub(crate) use origins::Origins;

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

use crate::error::Error;
use crate::services::SessionService;

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Sessions as the outside meets them.
pub(crate) struct BrowserSessions {
    pub(crate) service: SessionService,
    pub(crate) cookies: Cookies,
    pub(crate) origins: Origins,
}

impl BrowserSessions {
    /// Lets a request that changes something pass if it comes from a page that may act here; one that only reads passes anyway: what it
    /// reads stays with the browser unless CORS says otherwise.
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || self.is_from_our_page(headers) {
            Ok(())
        } else {
            Err(Error::CrossSite)
        }
    }

    fn is_from_our_page(&self, headers: &HeaderMap) -> bool {
        let is_scripted = headers.get(REQUESTED_WITH).is_some_and(|value| !value.is_empty());
        let mut origins = headers.get_all(ORIGIN);
        let is_ours = match (origins.next(), origins.next()) {
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| self.origins.contains(origin)),
            (None, _) => headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin"),
            (Some(_), Some(_)) => false,
        };
        is_scripted && is_ours
    }
}
