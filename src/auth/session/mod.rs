//! A person who came by a session's cookie: how the cookie is read, and which pages may send it ([`page`]).

mod cookies;
mod origins;
mod page;

pub(crate) use cookies::{CookieKind, Cookies};
pub(crate) use origins::Origins;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;

use crate::error::Error;
use crate::services::SessionService;

/// Sessions as the outside meets them.
pub(crate) struct BrowserSessions {
    pub(crate) service: SessionService,
    pub(crate) cookies: Cookies,
    pub(crate) origins: Origins,
}

impl BrowserSessions {
    /// Refuses a request by cookie that a page without permission could have sent; see [`page`] for the rules.
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
        page::check(&self.origins, method, headers)
    }
}
