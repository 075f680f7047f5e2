//! Redirects of the browser during a sign-in, and the page that it returns to.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::header::{LOCATION, REFERRER_POLICY};
use url::Url;

use crate::error::Error;
use crate::services::LoginRefusal;

pub(super) fn invalid_return_to() -> Error {
    let sentence = "`return_to` must be a path of this service outside `/auth/`, or a URL of an allowed origin, and short \
                    enough for a cookie.";
    Error::InvalidParameter(sentence.to_owned())
}

/// Returns the stable error code: the provider's, or that of the problem.
pub(super) fn code_of(refusal: LoginRefusal) -> &'static str {
    match refusal {
        LoginRefusal::ByProvider(code) => code,
        LoginRefusal::Failure(failure) => Error::from(failure).problem().code,
    }
}

pub(super) fn with_error(return_to: &str, code: &str) -> String {
    match Url::parse(return_to) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("error", code);
            url.into()
        }
        Err(_) => return_to.to_owned(),
    }
}

/// Returns a 303, which makes the browser send a GET without the original body (RFC 9700 section 4.12).
pub(super) fn redirect_to<'c>(address: &str, cookies: impl IntoIterator<Item = Cookie<'c>>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, address)).insert_header((REFERRER_POLICY, "no-referrer"));
    for cookie in cookies {
        response.cookie(cookie);
    }
    response.finish()
}
