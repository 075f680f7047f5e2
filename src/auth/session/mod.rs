//! Authentication with a session cookie: reading the cookie, and the pages that may send it ([`page`]).

mod cookies;
mod origins;
mod page;

pub(crate) use cookies::{CookieKind, Cookies};
pub(crate) use origins::Origins;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;

use crate::error::Error;
use crate::services::SessionService;

/// Browser sessions with their cookies and allowed origins.
pub(crate) struct BrowserSessions {
    pub(crate) service: SessionService,
    pub(crate) cookies: Cookies,
    pub(crate) origins: Origins,
}

impl BrowserSessions {
    /// Refuses a cookie-authenticated request that a page of a foreign origin could have sent. See [`page`] for the rules.
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
        page::check(&self.origins, method, headers)
    }
}
