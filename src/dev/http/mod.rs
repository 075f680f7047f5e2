//! The issuer's endpoints.
//!
//! They do not use the service's error type: their responses are those of an authorization server, in the formats of OAuth.

mod authorize;
mod client_authentication;
mod development_token;
mod documents;
mod logout;
mod page;
mod parameter;
mod refusal;
mod token;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use url::Url;

use super::directory::is_loopback;

/// How many seconds a browser may cache a preflight response.
const PREFLIGHT_MAX_AGE: usize = 600;

/// Sent by the API documentation page and by other apps with each token request. Ignored.
const REQUESTED_WITH: header::HeaderName = header::HeaderName::from_static("x-requested-with");

pub(super) fn mount(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/.well-known/openid-configuration").wrap(for_apps_on_loopback()).get(documents::discovery),
    )
    .service(web::resource("/jwks").wrap(for_apps_on_loopback()).get(documents::jwks))
    .service(web::resource("/authorize").get(authorize::show).post(authorize::decide))
    .service(web::resource("/token").wrap(for_apps_on_loopback()).post(token::issue))
    // Without CORS: pages of other origins cannot read the response.
    .service(web::resource("/dev/token").post(development_token::issue))
    .service(web::resource("/logout").get(logout::by_link).post(logout::by_form));
}

/// Allows pages on loopback, such as single-page apps in development, to read the response.
fn for_apps_on_loopback() -> Cors {
    Cors::default()
        .allowed_origin_fn(|origin, _| {
            origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()).is_some_and(|origin| is_loopback(&origin))
        })
        .allowed_methods(["GET", "POST"])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUESTED_WITH])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Rejects requests whose `Host` is not a loopback host, against DNS rebinding.
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
