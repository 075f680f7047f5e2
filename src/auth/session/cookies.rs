//! The cookies of browser sign-in: names, attributes, reading and setting.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::error::Error;

/// The name prefix of cookies that only the host itself can set, for all paths, over https (RFC 6265bis section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";
const TEN_MINUTES: Duration = Duration::minutes(10);
/// The minimum size of a cookie that browsers support, including name and attributes (RFC 6265 section 6.1).
const MAX_BYTES: usize = 4096;
/// The maximum size of name and attributes.
const ATTRIBUTES: usize = 128;

/// A cookie of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieKind {
    /// The session.
    Session,
    /// The pending sign-ins.
    Login,
    /// The logout hint of an ended session, for the provider.
    Logout,
}

/// The names and attributes of the cookies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    is_https: bool,
}

impl Cookies {
    /// `is_https` is false only for a service on loopback.
    pub(crate) fn new(is_https: bool) -> Self {
        Self { is_https }
    }

    fn name(self, kind: CookieKind) -> String {
        let name = match kind {
            CookieKind::Session => "session",
            CookieKind::Login => "login",
            CookieKind::Logout => "logout",
        };
        if self.is_https { format!("{HOST_PREFIX}{name}") } else { name.to_owned() }
    }

    /// Returns the value of the cookie, or `None` if it is absent or empty. Fails for two cookies of the same name, which is ambiguous.
    pub(crate) fn read(self, request: &HttpRequest, kind: CookieKind) -> Result<Option<String>, Error> {
        let name = self.name(kind);
        // Names are compared without decoding: any site of the domain can set a cookie whose name has the prefix only when decoded.
        let Ok(all) = request.cookies_raw() else { return Ok(None) };
        let mut found = all.iter().filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned());
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Error::MalformedCredential(
                "A cookie of this service was sent twice. Delete the cookies of this site.",
            )),
            (value, _) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Returns the cookie to set, or `None` if it exceeds the size that browsers support.
    pub(crate) fn set(self, kind: CookieKind, value: String) -> Option<Cookie<'static>> {
        if value.len() + ATTRIBUTES > MAX_BYTES {
            return None;
        }
        let mut cookie = self.cookie(kind, value);
        // The session cookie has no `Max-Age`: it ends with the browser, and the server limits its lifetime.
        if kind != CookieKind::Session {
            cookie.set_max_age(TEN_MINUTES);
        }
        Some(cookie)
    }

    /// Returns the cookie that removes this cookie from the browser.
    pub(crate) fn forget(self, kind: CookieKind) -> Cookie<'static> {
        let mut cookie = self.cookie(kind, String::new());
        cookie.set_max_age(Duration::ZERO);
        cookie
    }

    fn cookie(self, kind: CookieKind, value: String) -> Cookie<'static> {
        // Lax, because the browser must send it on the redirect from the provider.
        Cookie::build(self.name(kind), value)
            .path("/")
            .http_only(true)
            .secure(self.is_https)
            .same_site(SameSite::Lax)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn https_cookie_has_the_host_prefix_and_is_http_only() {
        let cookie = Cookies::new(true).set(CookieKind::Session, "value".to_owned()).unwrap();
        assert_eq!(cookie.to_string(), "__Host-session=value; HttpOnly; SameSite=Lax; Secure; Path=/");
        for kind in [CookieKind::Login, CookieKind::Logout] {
            let cookie = Cookies::new(true).set(kind, "value".to_owned()).unwrap().to_string();
            assert!(
                cookie.starts_with("__Host-") && cookie.contains("; Secure") && cookie.contains("Max-Age=600"),
                "{cookie}"
            );
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
    }

    #[test]
    fn plain_http_cookie_has_no_prefix_and_is_not_secure() {
        let cookie = Cookies::new(false).set(CookieKind::Session, "value".to_owned()).unwrap();
        assert_eq!(cookie.to_string(), "session=value; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn cookie_without_the_exact_prefix_is_ignored() {
        let request = TestRequest::default().insert_header(("Cookie", "session=a; __host-session=b")).to_http_request();
        assert_eq!(Cookies::new(true).read(&request, CookieKind::Session).unwrap(), None);
    }

    #[test]
    fn percent_encoded_name_is_another_cookie() {
        for field in ["__Host%2Dsession=b", "%5F_Host-session=b", "__Host-s%65ssion=b"] {
            let request = TestRequest::default().insert_header(("Cookie", field)).to_http_request();
            assert_eq!(Cookies::new(true).read(&request, CookieKind::Session).unwrap(), None, "{field}");
            let both = TestRequest::default().insert_header(("Cookie", format!("{field}; __Host-session=a")));
            let read = Cookies::new(true).read(&both.to_http_request(), CookieKind::Session).unwrap();
            assert_eq!(read.as_deref(), Some("a"), "{field} does not affect the cookie of the host");
        }
    }

    #[test]
    fn two_cookies_of_one_name_are_rejected() {
        let request = TestRequest::default().insert_header(("Cookie", "session=a; session=b")).to_http_request();
        assert!(Cookies::new(false).read(&request, CookieKind::Session).is_err());
    }

    #[test]
    fn oversized_cookie_is_not_set() {
        assert!(Cookies::new(true).set(CookieKind::Logout, "a".repeat(5000)).is_none());
    }
}
