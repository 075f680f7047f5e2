//! `/authorize`: a user authorizes a client (RFC 6749 section 4.1, with PKCE as RFC 9700 section 2.1.1 requires).
//!
//! A request with an unknown client or redirect URI gets an error page, never a redirect. The issuer keeps no session: it asks the user
//! every time, so `prompt=none` never succeeds.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::page;
use super::parameter::given;
use crate::dev::directory::{self, Client};
use crate::dev::grants::{Binding, Grant, random};
use crate::dev::provider::Provider;

/// Shown to the user: a malformed request names no client to redirect to.
const UNREADABLE: &str = "A parameter is duplicated or malformed.";
/// Characters of an S256 challenge: 256 bits in base64url (RFC 7636 section 4.2).
const CHALLENGE_LENGTH: usize = 43;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizationRequest {
    #[serde(deserialize_with = "given")]
    client_id: Option<String>,
    #[serde(deserialize_with = "given")]
    redirect_uri: Option<String>,
    #[serde(deserialize_with = "given")]
    response_type: Option<String>,
    #[serde(deserialize_with = "given")]
    response_mode: Option<String>,
    #[serde(deserialize_with = "given")]
    scope: Option<String>,
    #[serde(deserialize_with = "given")]
    state: Option<String>,
    #[serde(deserialize_with = "given")]
    nonce: Option<String>,
    #[serde(deserialize_with = "given")]
    code_challenge: Option<String>,
    #[serde(deserialize_with = "given")]
    code_challenge_method: Option<String>,
    #[serde(deserialize_with = "given")]
    resource: Option<String>,
    #[serde(deserialize_with = "given")]
    prompt: Option<String>,
    #[serde(deserialize_with = "given")]
    request: Option<String>,
    #[serde(deserialize_with = "given")]
    request_uri: Option<String>,
    /// The chosen user, sent by the page only.
    #[serde(deserialize_with = "given")]
    login: Option<String>,
}

/// Shows the page to choose a user.
pub(super) async fn show(
    provider: web::Data<Provider>,
    request: HttpRequest,
    query: Result<web::Query<AuthorizationRequest>, actix_web::Error>,
) -> HttpResponse {
    let Ok(query) = query else {
        return page::refusal(UNREADABLE);
    };
    if_grantable(&provider, &query, |grantable| {
        let parameters: Vec<_> = form_urlencoded::parse(request.query_string().as_bytes())
            .filter(|(name, _)| name != "login")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        page::choose_user(grantable.client.id(), &parameters, &grantable.callback.redirect_uri)
    })
}

/// Handles the choice and redirects the browser with a code. All parameters are checked again because the form comes from the browser.
pub(super) async fn decide(
    provider: web::Data<Provider>,
    form: Result<web::Form<AuthorizationRequest>, actix_web::Error>,
) -> HttpResponse {
    let Ok(form) = form else {
        return page::refusal(UNREADABLE);
    };
    if_grantable(&provider, &form, |Grantable { client, callback, scopes, binding }| {
        let Some(user) = form.login.as_deref().and_then(directory::find_user) else {
            return callback.refuse(("access_denied", "the user canceled the sign-in"));
        };
        let signed_in_at = provider.clock.now();
        let grant = Grant { client, user, scopes, nonce: form.nonce.clone(), session: random(), signed_in_at };
        let code = provider.grants.issue_code(grant, binding);
        callback.send(&[("code", &code)])
    })
}

/// A valid request, which can be granted if the user agrees.
struct Grantable<'a> {
    client: Client,
    callback: Callback<'a>,
    scopes: Vec<String>,
    binding: Binding,
}

/// Responds with `go_on` if the request is valid. Otherwise redirects with an error or, if the client is unknown, shows an error page.
fn if_grantable(
    provider: &Provider,
    request: &AuthorizationRequest,
    go_on: impl FnOnce(Grantable<'_>) -> HttpResponse,
) -> HttpResponse {
    let (client, callback) = match Callback::find(provider, request) {
        Ok(found) => found,
        Err(sentence) => return page::refusal(sentence),
    };
    match check_flow(request).and_then(|binding| Ok((binding, check_resource_and_scopes(provider, request)?))) {
        Ok((binding, scopes)) => go_on(Grantable { client, callback, scopes, binding }),
        Err(fault) => callback.refuse(fault),
    }
}

/// An OAuth error code and its description.
type Fault = (&'static str, &'static str);

/// Checks that the flow is supported. Returns the binding of the code.
fn check_flow(request: &AuthorizationRequest) -> Result<Binding, Fault> {
    if request.request.is_some() {
        return Err(("request_not_supported", "request objects are not supported"));
    }
    if request.request_uri.is_some() {
        return Err(("request_uri_not_supported", "request objects are not supported"));
    }
    match request.response_type.as_deref() {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "response_type must be code")),
        None => return Err(("invalid_request", "response_type is missing")),
    }
    if request.response_mode.as_deref().is_some_and(|mode| mode != "query") {
        return Err(("invalid_request", "response_mode must be query"));
    }
    if request.code_challenge_method.as_deref() != Some("S256") {
        return Err(("invalid_request", "PKCE with code_challenge_method S256 is required"));
    }
    match (&request.redirect_uri, &request.code_challenge) {
        (Some(redirect_uri), Some(challenge)) if challenge.len() == CHALLENGE_LENGTH => {
            Ok(Binding { redirect_uri: redirect_uri.clone(), challenge: challenge.clone() })
        }
        _ => Err(("invalid_request", "code_challenge must be the base64url of a SHA-256 hash")),
    }
}

/// Checks that the requested resource and scopes are known. Returns the scopes.
fn check_resource_and_scopes(provider: &Provider, request: &AuthorizationRequest) -> Result<Vec<String>, Fault> {
    if request.prompt.as_deref().is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        return Err(("login_required", "this issuer keeps no session and has to ask the user"));
    }
    if request.resource.as_ref().is_some_and(|resource| *resource != provider.audience) {
        return Err(("invalid_target", "the resource is unknown"));
    }
    provider.grantable_scopes(request.scope.as_deref()).ok_or(("invalid_scope", "a scope is unknown"))
}

/// The redirect back to the client.
struct Callback<'a> {
    redirect_uri: Url,
    state: Option<&'a str>,
    issuer: &'a str,
}

impl<'a> Callback<'a> {
    /// The client and its redirect. Fails with a sentence for the user.
    fn find(provider: &'a Provider, request: &'a AuthorizationRequest) -> Result<(Client, Self), &'static str> {
        let client = request.client_id.as_deref().and_then(Client::find).ok_or("The client is not registered.")?;
        let redirect_uri = request
            .redirect_uri
            .as_deref()
            .and_then(|uri| client.registered_redirect(uri))
            .ok_or("The redirect URI is not registered for the client.")?;
        Ok((client, Self { redirect_uri, state: request.state.as_deref(), issuer: &provider.issuer }))
    }

    fn refuse(&self, (error, description): Fault) -> HttpResponse {
        self.send(&[("error", error), ("error_description", description)])
    }

    /// A 303, so that the form is not sent on (RFC 9700 section 4.12), with `iss` (RFC 9207).
    fn send(&self, answer: &[(&str, &str)]) -> HttpResponse {
        let mut location = self.redirect_uri.clone();
        location
            .query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(self.state.map(|state| ("state", state)))
            .append_pair("iss", self.issuer);
        HttpResponse::SeeOther()
            .insert_header((header::LOCATION, location.as_str()))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .finish()
    }
}
