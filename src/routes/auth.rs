//! Browser sign-in and sign-out: the redirect to the identity provider, the callback, and the session.
//!
//! A failed sign-in redirects to `return_to` with a code in `error`. If no sign-in of this browser is known, the response is a problem.
//! Nothing is retried automatically.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{Error as ActixError, FromRequest, HttpRequest, HttpResponse, web};
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use super::redirects::{code_of, invalid_return_to, redirect_to, with_error};
use crate::api_types::{
    BackchannelLogoutRequest, CallbackQuery, LoginQuery, LogoutResponse, Prompt, SessionResponse, WhoResponse,
};
use crate::auth::session::{BrowserSessions, CookieKind};
use crate::auth::{AUTHENTICATED, Caller, PUBLIC};
use crate::error::Error;
use crate::limits::RateLimits;
use crate::models::permission::DeclaredPermissions;
use crate::oidc::LoginAnswer;
use crate::op;
use crate::request_id::RequestId;
use crate::routing::Api;
use crate::services::{CallbackRequest, Completion, Failure, SignedOut};

/// The redirect URI's path.
pub(crate) const CALLBACK_PATH: &str = "/auth/callback";
const LOGOUT_PATH: &str = "/auth/logout";

pub(super) fn register(api: &mut Api) {
    api.get("/auth/login", PUBLIC, op!(login))
        .get(CALLBACK_PATH, PUBLIC, op!(callback))
        .get("/auth/session", AUTHENTICATED, op!(show))
        .post(LOGOUT_PATH, PUBLIC, op!(logout))
        .get(LOGOUT_PATH, PUBLIC, op!(logout_at_provider))
        .post("/auth/backchannel-logout", PUBLIC, op!(backchannel_logout));
}

/// The browser sessions. Responds with 404 if browser sign-in is not enabled.
struct Sessions(web::Data<BrowserSessions>);

impl FromRequest for Sessions {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sessions = request.app_data::<web::Data<BrowserSessions>>().cloned();
        ready(sessions.map(Self).ok_or_else(|| Failure::SessionsOff.into()))
    }
}

impl IntoResponses for Sessions {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([("404".to_owned(), Response::new("Browser sign-in is not enabled").into())])
    }
}

/// Redirect to the provider
#[derive(IntoResponses)]
#[response(status = 303, headers(("Location" = String, description = "A URL of the provider")))]
struct RedirectToProvider;

/// Redirects the browser to the identity provider to sign in.
#[utoipa::path(
    get,
    path = "",
    params(LoginQuery),
    responses(
        RedirectToProvider,
        Sessions,
        (status = 503, description = "The identity provider is unavailable"),
    ),
)]
async fn login(
    request: HttpRequest,
    query: web::Query<LoginQuery>,
    Sessions(sessions): Sessions,
) -> Result<HttpResponse, Error> {
    let LoginQuery { return_to, prompt } = query.into_inner();
    let return_to = return_to.map(|target| sessions.origins.destination(&target).ok_or_else(invalid_return_to));
    let pending = sessions.cookies.read(&request, CookieKind::Login)?;
    let started =
        sessions.service.begin(pending.as_deref(), return_to.transpose()?, prompt.map(Prompt::as_str)).await?;
    let cookie = sessions.cookies.set(CookieKind::Login, started.pending).ok_or_else(invalid_return_to)?;
    Ok(redirect_to(started.url.as_str(), [cookie]))
}

/// Completes a sign-in.
///
/// The identity provider redirects the browser here, and the response redirects it to `return_to`. If the sign-in fails, the parameter
/// `error` is added to that URL.
#[utoipa::path(
    get,
    path = "",
    params(CallbackQuery),
    responses(
        (
            status = 303,
            description = "Redirect to `return_to`, with `error` if the sign-in failed",
            headers(("Location" = String, description = "The URL of `return_to`")),
        ),
        Sessions,
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn callback(
    request: HttpRequest,
    query: web::Query<CallbackQuery>,
    request_id: RequestId,
    Sessions(sessions): Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let (query, device) = (query.into_inner(), device(&request));
    let cookies = sessions.cookies;
    let (pending, former) = (cookies.read(&request, CookieKind::Login)?, cookies.read(&request, CookieKind::Session)?);
    // Before the state is decrypted, and before a code that may be forged is sent to the provider.
    let attempt = limits.begin_once(&request)?;
    let callback = CallbackRequest {
        pending: pending.as_deref(),
        answer: LoginAnswer { state: query.state, issuer: query.iss },
        code: query.code.as_deref(),
        error: query.error.as_deref(),
        former: former.as_deref(),
        device: device.as_deref(),
        request_id: request_id.to_string(),
    };
    let completed = sessions.service.complete(callback).await.map_err(Error::from);
    match &completed {
        Ok(completion) if completion.refuses_credential() => attempt.refuse(),
        completed => attempt.settle(completed),
    }
    let Completion { outcome, return_to, pending } = completed?;
    let return_to = return_to.unwrap_or_else(|| sessions.origins.home());
    let pending = pending
        .and_then(|pending| cookies.set(CookieKind::Login, pending))
        .unwrap_or_else(|| cookies.forget(CookieKind::Login));
    match outcome {
        Ok(token) => {
            let session = cookies.set(CookieKind::Session, token);
            Ok(redirect_to(&return_to, session.into_iter().chain([pending])))
        }
        Err(refusal) => Ok(redirect_to(&with_error(&return_to, code_of(refusal)), [pending])),
    }
}

/// Returns the `User-Agent` of the browser.
fn device(request: &HttpRequest) -> Option<String> {
    request.headers().get(USER_AGENT).and_then(|name| name.to_str().ok()).map(str::to_owned)
}

/// Returns the authenticated principal, by session or by token.
#[utoipa::path(get, path = "", responses((status = 200, body = WhoResponse)))]
async fn show(caller: Caller, declared: web::Data<DeclaredPermissions>) -> web::Json<WhoResponse> {
    let session = caller.session();
    web::Json(WhoResponse {
        id: caller.principal_id().to_string(),
        display_name: caller.principal().principal().display_name.clone(),
        permissions: declared.all().filter(|permission| caller.may(*permission)).map(|p| p.name()).collect(),
        session: session.map(|own| SessionResponse::new(own, session)),
    })
}

/// Signs out of this service.
///
/// Returns the URL that signs the browser out at the identity provider, if the provider supports it.
#[utoipa::path(
    post,
    path = "",
    responses(
        (status = 200, body = LogoutResponse),
        (status = 403, description = "The cross-site request is not allowed"),
        Sessions,
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn logout(
    request: HttpRequest,
    request_id: RequestId,
    Sessions(sessions): Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    sessions.check_page(request.method(), request.headers())?;
    let signed_out = match sessions.cookies.read(&request, CookieKind::Session)? {
        Some(cookie) => end_session(&sessions, &limits, &request, &cookie, request_id).await?,
        None => None,
    };
    let is_provider_next = signed_out.as_ref().is_some_and(|signed_out| signed_out.is_provider_next);
    let hint = signed_out.and_then(|signed_out| sessions.cookies.set(CookieKind::Logout, signed_out.hint?));
    let is_provider_next = is_provider_next && hint.is_some();
    let mut response = HttpResponse::Ok();
    response.cookie(sessions.cookies.forget(CookieKind::Session));
    if let Some(hint) = hint {
        response.cookie(hint);
    }
    Ok(response
        .json(LogoutResponse { end_session_url: is_provider_next.then(|| sessions.origins.address(LOGOUT_PATH)) }))
}

/// Ends the session of this cookie. Returns `None` if the session does not exist. A cookie without a session counts as a refused
/// credential, whatever the response, because it costs a lookup.
async fn end_session(
    sessions: &BrowserSessions,
    limits: &RateLimits,
    request: &HttpRequest,
    cookie: &str,
    request_id: RequestId,
) -> Result<Option<SignedOut>, Error> {
    if sessions.service.has_ended(cookie) {
        return Ok(None);
    }
    let attempt = limits.begin(request, cookie.as_bytes())?;
    let signed_out = sessions.service.sign_out(cookie, request_id.to_string()).await.map_err(Error::from);
    match &signed_out {
        Ok(None) => attempt.refuse(),
        Ok(Some(_)) => attempt.use_up(),
        failed => attempt.settle(failed),
    }
    signed_out
}

/// Redirects a browser that has just signed out of this service to the identity provider to sign out there.
///
/// The ID token that the provider requires is passed in a cookie and in this redirect, so no script can read it.
#[utoipa::path(
    get,
    path = "",
    responses(
        RedirectToProvider,
        (status = 400, description = "The browser has not just signed out"),
        Sessions,
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn logout_at_provider(
    request: HttpRequest,
    Sessions(sessions): Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let hint = sessions.cookies.read(&request, CookieKind::Logout)?.ok_or(Failure::NotSignedOut)?;
    let attempt = limits.begin_once(&request)?;
    let opened = sessions.service.open_hint(&hint).ok_or_else(|| Error::from(Failure::NotSignedOut));
    attempt.settle(&opened);
    let url = match opened {
        Ok(id_token) => sessions.service.provider_logout_url(&id_token).await,
        Err(_) => None,
    };
    let address = url.map_or_else(|| sessions.origins.home(), String::from);
    Ok(redirect_to(&address, [sessions.cookies.forget(CookieKind::Logout)]))
}

/// Ends the sessions of a user who signed out at the identity provider.
///
/// The identity provider calls this endpoint (OpenID Connect Back-Channel Logout section 2.5).
#[utoipa::path(
    post,
    path = "",
    request_body(content = BackchannelLogoutRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The sessions have ended"),
        (status = 400, description = "The logout token is not accepted"),
        Sessions,
        (status = 503, description = "The logout token cannot be verified at the moment"),
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn backchannel_logout(
    request: HttpRequest,
    form: Result<web::Form<BackchannelLogoutRequest>, ActixError>,
    Sessions(sessions): Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let form =
        form.map_err(|_| Error::InvalidBody("The request body must be a form with one `logout_token`.".to_owned()))?;
    let attempt = limits.begin_once(&request)?;
    let ended = sessions.service.provider_signed_out(&form.logout_token).await.map_err(Error::from);
    attempt.settle(&ended);
    ended?;
    Ok(HttpResponse::Ok().finish())
}
