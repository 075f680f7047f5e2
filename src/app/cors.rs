//! Which pages of other origins may read the answers (the CORS protocol of the Fetch standard, section 3.2).
//!
//! Origins are exact. Where none is allowed there is no CORS at all, and browsers keep every answer from other pages. The fields are put
//! on failures too, since an app has to read why; so this runs around [`Answer`](super::answer::Answer), where failures get their body.

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

use super::answer;
use crate::config::CorsConfig;
use crate::error::Error;

/// Seconds for which a browser may remember what a preflight was answered: the most that Chromium does.
const PREFLIGHT_MAX_AGE: usize = 7200;

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What a page may send beyond what every page may.
fn request_fields() -> Vec<HeaderName> {
    let ours = ["idempotency-key", "traceparent", "tracestate", "x-request-id", "x-requested-with"];
    let known = [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH];
    known.into_iter().chain(ours.map(HeaderName::from_static)).collect()
}

/// What a page may read beyond what every page may.
fn response_fields() -> Vec<HeaderName> {
    let ours =
        ["ratelimit", "ratelimit-limit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "x-request-id"];
    let known = [ETAG, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE];
    known.into_iter().chain(ours.map(HeaderName::from_static)).collect()
}

/// Who may read, and for whom cookies count.
#[derive(Clone, Debug, Default)]
pub(super) struct CorsRule {
    allowed: HashSet<String>,
    /// Those whose pages may send cookies along; allowed as well. A page that holds its token itself needs none.
    credentialed: HashSet<String>,
}

impl CorsRule {
    pub(super) fn new(config: &CorsConfig, credentialed: &[String]) -> Self {
        let set = |origins: &[String]| origins.iter().cloned().collect();
        Self { allowed: set(&config.allowed_origins), credentialed: set(credentialed) }
    }

    /// Whether pages of any other origin may read.
    pub(super) fn is_needed(&self) -> bool {
        !self.allowed.is_empty() || !self.credentialed.is_empty()
    }

    /// Answers preflights and marks what allowed pages may read. [`finish`] has to run around it.
    pub(super) fn layer(&self) -> Cors {
        let origins = self.allowed.iter().chain(&self.credentialed);
        let cors = origins.fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
        let cors = cors
            .allowed_methods(METHODS)
            .allowed_headers(request_fields())
            .expose_headers(response_fields())
            .max_age(PREFLIGHT_MAX_AGE);
        if self.credentialed.is_empty() { cors } else { cors.supports_credentials() }
    }

    /// Whether cookies count for the page that asks.
    fn is_credentialed(&self, request: &ServiceRequest) -> bool {
        let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.credentialed.contains(origin))
    }
}

/// Does what actix-cors leaves: a refused preflight gets the body that all failures have, and only those pages are told that they may
/// send cookies that may.
pub(super) async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let is_credentialed = request.app_data::<web::Data<CorsRule>>().is_some_and(|rule| rule.is_credentialed(&request));
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(mut error) => {
            error.add_response_mapper(move |mut response| {
                keep_credentials_from_others(is_credentialed, response.headers_mut());
                response
            });
            return Err(error);
        }
    };
    if response.response().error().is_some_and(|error| error.as_error::<CorsError>().is_some()) {
        return Ok(answer::refuse(response, &Error::CrossOrigin));
    }
    keep_credentials_from_others(is_credentialed, response.headers_mut());
    Ok(response)
}

/// actix-cors allows credentials to every allowed origin or to none.
fn keep_credentials_from_others(is_credentialed: bool, headers: &mut HeaderMap) {
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

    /// What the answer to a page of `origin` says of cookies.
    async fn credentials(path: &str, origin: &str) -> Option<String> {
        let set = |origin: &str| HashSet::from([origin.to_owned()]);
        let rule =
            CorsRule { allowed: set("https://app.example.com"), credentialed: set("https://session.example.com") };
        let app = App::new()
            .app_data(web::Data::new(rule.clone()))
            .route("/good", web::get().to(HttpResponse::Ok))
            .route("/bad", web::get().to(fail))
            // A failure that travels as one, as those of guards do.
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
        let told = response.headers().get(ACCESS_CONTROL_ALLOW_CREDENTIALS)?;
        Some(told.to_str().unwrap().to_owned())
    }

    #[actix_web::test]
    async fn cookies_count_for_the_origins_that_are_named_for_it_alone() {
        for path in ["/good", "/bad", "/guarded/path"] {
            assert_eq!(credentials(path, "https://session.example.com").await.as_deref(), Some("true"), "{path}");
            for other in ["https://app.example.com", "https://foreign.example", "null"] {
                assert_eq!(credentials(path, other).await, None, "{path} {other}");
            }
        }
    }
}
