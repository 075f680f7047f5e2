//! Signing in and out with a browser: out to the provider, back, and what stands for it from then on.
//!
//! Everything that goes wrong on the way ends where the browser wanted to go, with a code in `error`; where that can't be known, since
//! nothing says that this browser began anything, in a problem. Nothing is tried again by itself.

use actix_web::cookie::Cookie;
use actix_web::http::header::{LOCATION, REFERRER_POLICY, USER_AGENT};
use actix_web::{Error as ActixError, HttpRequest, HttpResponse, web};
use url::Url;

use crate::api_types::{
    BackchannelLogoutRequest, CallbackQuery, LoginQuery, LogoutResponse, Prompt, SessionResponse, WhoResponse,
};
use crate::auth::session::{BrowserSessions, CookieKind};
use crate::auth::{AUTHENTICATED, Api, Caller, PUBLIC, RateLimits};
use crate::error::Error;
use crate::models::permission::DeclaredPermissions;
use crate::oidc::LoginAnswer;
use crate::op;
use crate::request_id::RequestId;
use crate::services::{CallbackRequest, Completion, Failure, LoginRefusal, SignedOut};

/// Where the provider sends browsers back to.
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

/// `None` where nobody signs in with a browser.
type Sessions = Option<web::Data<BrowserSessions>>;

fn on(sessions: Sessions) -> Result<web::Data<BrowserSessions>, Failure> {
    sessions.ok_or(Failure::SessionsOff)
}

/// Sends the browser to the identity provider, to sign in.
#[utoipa::path(
    get,
    path = "",
    params(LoginQuery),
    responses(
        (status = 303, description = "To the provider", headers(("Location" = String, description = "The provider's page"))),
        (status = 404, description = "Nobody signs in here"),
        (status = 503, description = "The provider can't be asked"),
    ),
)]
async fn login(request: HttpRequest, query: web::Query<LoginQuery>, sessions: Sessions) -> Result<HttpResponse, Error> {
    let (sessions, LoginQuery { return_to, prompt }) = (on(sessions)?, query.into_inner());
    let return_to = return_to.map(|target| sessions.origins.destination(&target).ok_or_else(not_a_destination));
    let pending = sessions.cookies.read(&request, CookieKind::Login)?;
    let beginning =
        sessions.service.begin(pending.as_deref(), return_to.transpose()?, prompt.map(Prompt::as_str)).await?;
    let cookie = sessions.cookies.set(CookieKind::Login, beginning.pending).ok_or_else(not_a_destination)?;
    Ok(go_to(beginning.url.as_str(), [cookie]))
}

fn not_a_destination() -> Error {
    let sentence = "`return_to` must be a path of this service that is not about signing in, or an address of an origin that it allows, \
                    and not long.";
    Error::InvalidParameter(sentence.to_owned())
}

/// Ends a sign-in: the provider sends the browser here, and it goes on to where it wanted. With `error` added where there is no session.
#[utoipa::path(
    get,
    path = "",
    params(CallbackQuery),
    responses(
        (
            status = 303,
            description = "Signed in, or not: then `error` is added",
            headers(("Location" = String, description = "What was `return_to`")),
        ),
        (status = 404, description = "Nobody signs in here"),
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn callback(
    request: HttpRequest,
    query: web::Query<CallbackQuery>,
    request_id: RequestId,
    sessions: Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let (sessions, query, device) = (on(sessions)?, query.into_inner(), device(&request));
    let jars = sessions.cookies;
    let (pending, former) = (jars.read(&request, CookieKind::Login)?, jars.read(&request, CookieKind::Session)?);
    // Before the sealed state is opened, and the provider is asked about a code that may be made up.
    let attempt = limits.begin_once(&request)?;
    let arrival = CallbackRequest {
        pending: pending.as_deref(),
        answer: LoginAnswer { state: query.state, issuer: query.iss },
        code: query.code.as_deref(),
        error: query.error.as_deref(),
        former: former.as_deref(),
        device: device.as_deref(),
        request_id: request_id.to_string(),
    };
    let completed = sessions.service.complete(arrival).await.map_err(Error::from);
    match &completed {
        Ok(completion) if completion.refuses_credential() => attempt.refuse(),
        completed => attempt.settle(completed),
    }
    let Completion { outcome, return_to, pending } = completed?;
    let return_to = return_to.unwrap_or_else(|| sessions.origins.home());
    let pending = pending
        .and_then(|pending| jars.set(CookieKind::Login, pending))
        .unwrap_or_else(|| jars.forget(CookieKind::Login));
    match outcome {
        Ok(token) => {
            let session = jars.set(CookieKind::Session, token);
            Ok(go_to(&return_to, session.into_iter().chain([pending])))
        }
        Err(refusal) => Ok(go_to(&with_error(&return_to, code_of(refusal)), [pending])),
    }
}

/// What the browser calls itself.
fn device(request: &HttpRequest) -> Option<String> {
    request.headers().get(USER_AGENT).and_then(|name| name.to_str().ok()).map(str::to_owned)
}

/// A code that pages can rely on: the provider's own, or that of the problem.
fn code_of(refusal: LoginRefusal) -> &'static str {
    match refusal {
        LoginRefusal::ByProvider(code) => code,
        LoginRefusal::Failure(failure) => Error::from(failure).problem().code,
    }
}

fn with_error(return_to: &str, code: &str) -> String {
    match Url::parse(return_to) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("error", code);
            url.into()
        }
        Err(_) => return_to.to_owned(),
    }
}

/// 303, so that whatever the browser sent stays here (RFC 9700 section 4.12).
fn go_to<'c>(address: &str, cookies: impl IntoIterator<Item = Cookie<'c>>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, address)).insert_header((REFERRER_POLICY, "no-referrer"));
    for cookie in cookies {
        response.cookie(cookie);
    }
    response.finish()
}

/// Who is signed in, by session or by token.
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

/// Signs out here, and says where to send the browser to sign out at the provider as well.
#[utoipa::path(
    post,
    path = "",
    responses(
        (status = 200, body = LogoutResponse),
        (status = 403, description = "It does not come from a page that may act here"),
        (status = 404, description = "Nobody signs in here"),
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn logout(
    request: HttpRequest,
    request_id: RequestId,
    sessions: Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let sessions = on(sessions)?;
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

/// Ends the session of this cookie; `None` where there is no such session. A cookie that leads to none counts as refused, whatever is
/// answered: it was looked for.
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

/// Sends a browser that has just signed out here to sign out at the provider. What the provider needs for that, an ID token, goes by
/// way of a cookie and this redirect, so that no script sees it.
#[utoipa::path(
    get,
    path = "",
    responses(
        (status = 303, description = "To the provider", headers(("Location" = String, description = "The provider's page"))),
        (status = 400, description = "This browser has not just signed out"),
        (status = 404, description = "Nobody signs in here"),
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn logout_at_provider(
    request: HttpRequest,
    sessions: Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let sessions = on(sessions)?;
    let hint = sessions.cookies.read(&request, CookieKind::Logout)?.ok_or(Failure::LoginFailed)?;
    let attempt = limits.begin_once(&request)?;
    let opened = sessions.service.open_hint(&hint).ok_or_else(|| Error::from(Failure::LoginFailed));
    attempt.settle(&opened);
    let url = match opened {
        Ok(id_token) => sessions.service.provider_logout_url(&id_token).await,
        Err(_) => None,
    };
    let address = url.map_or_else(|| sessions.origins.home(), String::from);
    Ok(go_to(&address, [sessions.cookies.forget(CookieKind::Logout)]))
}

/// The provider tells that somebody signed out there (OpenID Connect Back-Channel Logout section 2.5).
#[utoipa::path(
    post,
    path = "",
    request_body(content = BackchannelLogoutRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it names has ended"),
        (status = 400, description = "It is no logout token for this service"),
        (status = 404, description = "Nobody signs in here"),
        (status = 503, description = "It can't be checked at the moment"),
        (status = 429, description = "Too many refused credentials from this address"),
    ),
)]
async fn backchannel_logout(
    request: HttpRequest,
    form: Result<web::Form<BackchannelLogoutRequest>, ActixError>,
    sessions: Sessions,
    limits: web::Data<RateLimits>,
) -> Result<HttpResponse, Error> {
    let sessions = on(sessions)?;
    let form = form.map_err(|_| Error::InvalidBody("The body must be a form with one `logout_token`.".to_owned()))?;
    let attempt = limits.begin_once(&request)?;
    let ended = sessions.service.provider_signed_out(&form.logout_token).await.map_err(Error::from);
    attempt.settle(&ended);
    ended?;
    Ok(HttpResponse::Ok().finish())
}
