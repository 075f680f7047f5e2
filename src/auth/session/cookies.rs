//! The cookies: what they are called and how far they go.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::error::Error;

/// What only a host itself can set, for all of its paths, over https (RFC 6265bis section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-";
const TEN_MINUTES: Duration = Duration::minutes(10);
/// What browsers keep of a cookie at the least, name and attributes among it (RFC 6265 section 6.1).
const MAX_BYTES: usize = 4096;
/// What name and attributes take of that at the most.
const ATTRIBUTES: usize = 128;

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieKind {
    /// Who somebody is.
    Session,
    /// The sign-ins that are under way.
    Login,
    /// What the provider needs to know of a session that has ended.
    Logout,
}

/// How our cookies are named and sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    is_https: bool,
}

impl Cookies {
    /// For a service that is reached by https; or by plain http, which only loopback can be.
    pub(crate) fn new(is_https: bool) -> Self {
        Self { is_https }
    }

    fn name(self, jar: CookieKind) -> String {
        let name = match jar {
            CookieKind::Session => "session",
            CookieKind::Login => "login",
            CookieKind::Logout => "logout",
        };
        if self.is_https { format!("{HOST_PREFIX}{name}") } else { name.to_owned() }
    }

    /// What the browser sent of it. Two of one name are refused: which of them is ours is anyone's guess.
    pub(crate) fn read(self, request: &HttpRequest, jar: CookieKind) -> Result<Option<String>, Error> {
        let name = self.name(jar);
        // Octet by octet: what is `__Host-` only once it is decoded, any site of the domain can have set.
        let Ok(all) = request.cookies_raw() else { return Ok(None) };
        let mut found = all.iter().filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned());
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Error::MalformedCredential("A cookie of this service comes twice.")),
            (value, _) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// The cookie to be set; `None` where the browser would not keep it.
    pub(crate) fn set(self, jar: CookieKind, value: String) -> Option<Cookie<'static>> {
        if value.len() + ATTRIBUTES > MAX_BYTES {
            return None;
        }
        let mut cookie = self.cookie(jar, value);
        // The session's goes when the browser is closed, if not before: how long it is good is for the service to say.
        if jar != CookieKind::Session {
            cookie.set_max_age(TEN_MINUTES);
        }
        Some(cookie)
    }

    /// The cookie to be forgotten.
    pub(crate) fn forget(self, jar: CookieKind) -> Cookie<'static> {
        let mut cookie = self.cookie(jar, String::new());
        cookie.set_max_age(Duration::ZERO);
        cookie
    }

    fn cookie(self, jar: CookieKind, value: String) -> Cookie<'static> {
        // Lax: it has to come along when the provider sends the browser back.
        Cookie::build(self.name(jar), value)
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
    fn over_https_a_cookie_is_the_hosts_own_and_no_script_sees_it() {
        let cookie = Cookies::new(true).set(CookieKind::Session, "value".to_owned()).unwrap();
        assert_eq!(cookie.to_string(), "__Host-session=value; HttpOnly; SameSite=Lax; Secure; Path=/");
        for jar in [CookieKind::Login, CookieKind::Logout] {
            let cookie = Cookies::new(true).set(jar, "value".to_owned()).unwrap().to_string();
            assert!(
                cookie.starts_with("__Host-") && cookie.contains("; Secure") && cookie.contains("Max-Age=600"),
                "{cookie}"
            );
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
    }

    #[test]
    fn over_plain_http_it_is_named_so_that_browsers_take_it() {
        let cookie = Cookies::new(false).set(CookieKind::Session, "value".to_owned()).unwrap();
        assert_eq!(cookie.to_string(), "session=value; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn a_plain_cookie_is_not_taken_for_the_hosts_own() {
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
            assert_eq!(read.as_deref(), Some("a"), "{field} takes nothing from the host's own");
        }
    }

    #[test]
    fn of_two_cookies_of_one_name_neither_counts() {
        let request = TestRequest::default().insert_header(("Cookie", "session=a; session=b")).to_http_request();
        assert!(Cookies::new(false).read(&request, CookieKind::Session).is_err());
    }

    #[test]
    fn what_a_browser_would_not_keep_is_not_set() {
        assert!(Cookies::new(true).set(CookieKind::Logout, "a".repeat(5000)).is_none());
    }
}
