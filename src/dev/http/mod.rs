//! The issuer's endpoints.
//!
//! They speak HTTP on their own, apart from the service's error type: these answers are another server's, in the forms that OAuth
//! prescribes to authorization servers.

mod authorize;
mod client_authentication;
mod development_token;
mod documents;
mod logout;
mod page;
mod refusal;
mod token;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::directory::is_loopback;

/// Seconds that a browser may remember a preflight's answer.
const PREFLIGHT_MAX_AGE: usize = 600;

/// The page of the API's documentation says so of each request for a token, as do other apps; it means nothing here.
const REQUESTED_WITH: header::HeaderName = header::HeaderName::from_static("x-requested-with");

pub(super) fn mount(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/.well-known/openid-configuration").wrap(for_apps_on_loopback()).get(documents::discovery),
    )
    .service(web::resource("/jwks").wrap(for_apps_on_loopback()).get(documents::jwks))
    .service(web::resource("/authorize").get(authorize::show).post(authorize::decide))
    .service(web::resource("/token").wrap(for_apps_on_loopback()).post(token::issue))
    // Without CORS: a page of any origin may send here, but none can read the answer.
    .service(web::resource("/dev/token").post(development_token::issue))
    .service(web::resource("/logout").get(logout::by_link).post(logout::by_form));
}

/// Lets single-page apps that are being developed on this machine read the answer.
fn for_apps_on_loopback() -> Cors {
    Cors::default()
        .allowed_origin_fn(|origin, _| {
            origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()).is_some_and(|origin| is_loopback(&origin))
        })
        .allowed_methods(["GET", "POST"])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUESTED_WITH])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Answers only requests that name a loopback host: a foreign page whose host name was made to point here (DNS rebinding) gets nothing.
pub(super) async fn refuse_foreign_hosts(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| Url::parse(&format!("http://{host}/")).ok());
    if host.is_some_and(|host| is_loopback(&host)) {
        Ok(next.call(request).await?.map_into_left_body())
    } else {
        let refusal = HttpResponse::new(StatusCode::MISDIRECTED_REQUEST);
        Ok(request.into_response(refusal).map_into_right_body())
    }
}

/// A parameter without a value counts as left out (RFC 6749 sections 3.1 and 3.2).
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(value)?.filter(|value| !value.is_empty()))
}
