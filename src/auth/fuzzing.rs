//! The entry points of the fuzz targets into this module. See [`crate::fuzzing`] for the properties.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use actix_web::test::TestRequest;

use super::bearer;
use super::caller_cache::CallerCache;
use super::session::{CookieKind, Cookies, Origins};
use crate::limits::TrustedProxies;
use crate::oidc::fuzzing::{Admitted, Verifier};

/// The input is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

pub(crate) fn bearer_token(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    let mut headers = HeaderMap::new();
    values(fields).for_each(|value| headers.append(AUTHORIZATION, value));
    let credential = bearer::credential(&headers).map_err(|_| Refused)?;
    credential.map(|credential| credential.token().map(str::to_owned)).transpose().map_err(|_| Refused)
}

pub(crate) fn client_address(trusted: &[&str], peer: IpAddr, fields: &[&[u8]]) -> Option<IpAddr> {
    let proxies = TrustedProxies::new(trusted.iter().filter_map(|network| network.parse().ok()).collect());
    let request = TestRequest::default().peer_addr(SocketAddr::new(peer, 1));
    let name = HeaderName::from_static("x-forwarded-for");
    proxies.client_of(&with(request, &name, fields).to_http_request())
}

pub(crate) fn destination(public_url: &str, allowed: &[String], target: &str) -> Option<String> {
    Origins::new(public_url, allowed)?.destination(target)
}

pub(crate) fn session_cookie(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    let request = with(TestRequest::default(), &COOKIE, fields).to_http_request();
    Cookies::new(true).read(&request, CookieKind::Session).map_err(|_| Refused)
}

/// Returns the fields that are valid header values.
fn values(fields: &[&[u8]]) -> impl Iterator<Item = HeaderValue> {
    fields.iter().filter_map(|field| HeaderValue::from_bytes(field).ok())
}

fn with(request: TestRequest, name: &HeaderName, fields: &[&[u8]]) -> TestRequest {
    values(fields).fold(request, |request, value| request.append_header((name.clone(), value)))
}

/// A verifier and the cache of callers, as in the guard.
pub struct Guard {
    verifier: Verifier,
    callers: CallerCache,
}

impl Guard {
    pub(crate) fn new(verifier: Verifier) -> Self {
        Self { verifier, callers: CallerCache::new() }
    }

    /// Verifies a token and caches it. Returns its identity if it is accepted.
    pub fn admits(&self, token: &str) -> Option<Admitted> {
        let verified = self.verifier.prove(token)?;
        self.callers.insert(token.as_bytes(), &verified, None);
        Some(Admitted::by(&verified.claims))
    }

    /// Returns whether this text is cached as a verified token.
    pub fn recalls(&self, presented: &[u8]) -> bool {
        self.callers.find(presented, self.verifier.now()).is_some()
    }
}
