//! Cross-origin access by browsers (the CORS protocol of the Fetch standard, section 3.2).
//!
//! Origins are matched exactly. If none is allowed, no CORS header is sent, and browsers hide every response from pages of other origins.
//! Failures get the headers as well, so that a page can read the reason. So this runs around [`Responses`](super::responses::Responses), where
//! failures get their body.

use std::collections::HashSet;

use actix_cors::{Cors, CorsError};
use actix_web::Error as ActixError;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MATCH,
    IF_NONE_MATCH, LINK, LOCATION, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::middleware::Next;
use actix_web::web;

use super::responses;
use crate::config::CorsConfig;
use crate::error::Error;

/// How long a browser may cache a preflight response, in seconds: the maximum of Chromium.
const PREFLIGHT_MAX_AGE: usize = 7200;

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The allowed request headers, in addition to the CORS-safelisted ones.
fn request_fields() -> Vec<HeaderName> {
    let ours = ["idempotency-key", "traceparent", "tracestate", "x-request-id", "x-requested-with"];
    let known = [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH];
    known.into_iter().chain(ours.map(HeaderName::from_static)).collect()
}

/// The exposed response headers, in addition to the CORS-safelisted ones.
fn response_fields() -> Vec<HeaderName> {
    let ours =
        ["ratelimit", "ratelimit-limit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "x-request-id"];
    let known = [ETAG, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE];
    known.into_iter().chain(ours.map(HeaderName::from_static)).collect()
}

/// The origins that may read responses, and those that may send cookies.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsRule {
    allowed: HashSet<String>,
    /// Origins that may send cookies, and read responses as well. A page that sends a bearer token needs no cookies.
    credentialed: HashSet<String>,
}

impl CorsRule {
    pub(crate) fn new(config: &CorsConfig, credentialed: &[String]) -> Self {
        let set = |origins: &[String]| origins.iter().cloned().collect();
        Self { allowed: set(&config.allowed_origins), credentialed: set(credentialed) }
    }

    /// Whether any other origin is allowed.
    pub(crate) fn is_needed(&self) -> bool {
        !self.allowed.is_empty() || !self.credentialed.is_empty()
    }

    /// Returns the middleware that answers preflights and sets the CORS headers. [`finish`] has to run around it.
    pub(crate) fn layer(&self) -> Cors {
        let origins = self.allowed.iter().chain(&self.credentialed);
        let cors = origins.fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
        let cors = cors
            .allowed_methods(METHODS)
            .allowed_headers(request_fields())
            .expose_headers(response_fields())
            .max_age(PREFLIGHT_MAX_AGE);
        if self.credentialed.is_empty() { cors } else { cors.supports_credentials() }
    }

    /// Whether the origin of the request may send cookies.
    fn is_credentialed(&self, request: &ServiceRequest) -> bool {
        let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.credentialed.contains(origin))
    }
}

/// Completes the responses of actix-cors: a rejected preflight gets a problem body, and only credentialed origins get
/// `Access-Control-Allow-Credentials`.
pub(crate) async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let is_credentialed = request.app_data::<web::Data<CorsRule>>().is_some_and(|rule| rule.is_credentialed(&request));
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(mut error) => {
            error.add_response_mapper(move |mut response| {
                remove_credentials_unless(is_credentialed, response.headers_mut());
                response
            });
            return Err(error);
        }
    };
    if response.response().error().is_some_and(|error| error.as_error::<CorsError>().is_some()) {
        return Ok(responses::refuse(response, &Error::CrossOrigin));
    }
    remove_credentials_unless(is_credentialed, response.headers_mut());
    Ok(response)
}

/// actix-cors allows credentials for all allowed origins or for none.
fn remove_credentials_unless(is_credentialed: bool, headers: &mut HeaderMap) {
    if !is_credentialed {
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::{Condition, from_fn};
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    async fn fail() -> Result<HttpResponse, ActixError> {
        Err(actix_web::error::ErrorForbidden("no"))
    }

    /// Returns `Access-Control-Allow-Credentials` of the response to a page of `origin`.
    async fn credentials(path: &str, origin: &str) -> Option<String> {
        let set = |origin: &str| HashSet::from([origin.to_owned()]);
        let rule =
            CorsRule { allowed: set("https://app.example.com"), credentialed: set("https://session.example.com") };
        let app = App::new()
            .app_data(web::Data::new(rule.clone()))
            .route("/good", web::get().to(HttpResponse::Ok))
            .route("/bad", web::get().to(fail))
            // A failure returned as an error, like those of guards.
            .service(web::scope("/guarded").wrap(from_fn(|_, _: Next<BoxBody>| async {
                Err::<ServiceResponse<BoxBody>, _>(actix_web::error::ErrorForbidden("no"))
            })))
            .wrap(Condition::new(rule.is_needed(), rule.layer()))
            .wrap(from_fn(finish));
        let app = init_service(app).await;
        let request = TestRequest::get().uri(path).insert_header((ORIGIN, origin)).to_request();
        let response = match actix_web::dev::Service::call(&app, request).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response(),
        };
        let value = response.headers().get(ACCESS_CONTROL_ALLOW_CREDENTIALS)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[actix_web::test]
    async fn credentials_are_allowed_for_credentialed_origins_only() {
        for path in ["/good", "/bad", "/guarded/path"] {
            assert_eq!(credentials(path, "https://session.example.com").await.as_deref(), Some("true"), "{path}");
            for other in ["https://app.example.com", "https://foreign.example", "null"] {
                assert_eq!(credentials(path, other).await, None, "{path} {other}");
            }
        }
    }
}
