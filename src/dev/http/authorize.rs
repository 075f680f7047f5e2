//! `/authorize`: a person lets the app act for them (RFC 6749 section 4.1, with PKCE as RFC 9700 section 2.1.1 demands it).
//!
//! A request whose client or return address is not ours to trust gets a page, never a redirect. There is no session: the page asks every
//! time, so `prompt=none` never succeeds.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{given, page};
use crate::dev::directory::{self, Client};
use crate::dev::grants::{Binding, Grant, random};
use crate::dev::provider::Provider;

/// Said to the person: a request that cannot be read names no client to answer.
const UNREADABLE: &str = "A parameter is there twice or cannot be read.";
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
    /// Only from our own page: who the person chose to be.
    #[serde(deserialize_with = "given")]
    login: Option<String>,
}

/// Shows the page that asks who to be.
pub(super) async fn show(
    provider: web::Data<Provider>,
    request: HttpRequest,
    query: Result<web::Query<AuthorizationRequest>, actix_web::Error>,
) -> HttpResponse {
    let Ok(query) = query else {
        return page::refusal(UNREADABLE);
    };
    if_grantable(&provider, &query, |asked| {
        let parameters: Vec<_> = form_urlencoded::parse(request.query_string().as_bytes())
            .filter(|(name, _)| name != "login")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        page::pick_user(asked.client.id(), &parameters, &asked.way_back.redirect_uri)
    })
}

/// Takes the choice and sends the browser back with a code. Everything is checked again: the form came through the browser.
pub(super) async fn decide(
    provider: web::Data<Provider>,
    form: Result<web::Form<AuthorizationRequest>, actix_web::Error>,
) -> HttpResponse {
    let Ok(form) = form else {
        return page::refusal(UNREADABLE);
    };
    if_grantable(&provider, &form, |Asked { client, way_back, scopes, binding }| {
        let Some(person) = form.login.as_deref().and_then(directory::find_person) else {
            return way_back.refuse(("access_denied", "nobody was chosen"));
        };
        let signed_in_at = provider.clock.now();
        let grant = Grant { client, person, scopes, nonce: form.nonce.clone(), session: random(), signed_in_at };
        let code = provider.grants.issue_code(grant, binding);
        way_back.send(&[("code", &code)])
    })
}

/// A request that can be granted if the person agrees.
struct Asked<'a> {
    client: Client,
    way_back: WayBack<'a>,
    scopes: Vec<String>,
    binding: Binding,
}

/// Answers with `go_on` if the request can be granted; else says why not, to the client if it is known, to the person if not.
fn if_grantable(
    provider: &Provider,
    request: &AuthorizationRequest,
    go_on: impl FnOnce(Asked<'_>) -> HttpResponse,
) -> HttpResponse {
    let (client, way_back) = match WayBack::find(provider, request) {
        Ok(found) => found,
        Err(sentence) => return page::refusal(sentence),
    };
    match check_form(request).and_then(|binding| Ok((binding, check_extent(provider, request)?))) {
        Ok((binding, scopes)) => go_on(Asked { client, way_back, scopes, binding }),
        Err(fault) => way_back.refuse(fault),
    }
}

/// An OAuth error code and what it means here.
type Fault = (&'static str, &'static str);

/// That the flow is one we know. Returns what the code is to be bound to.
fn check_form(request: &AuthorizationRequest) -> Result<Binding, Fault> {
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

/// That we can give what is asked for. Returns the scopes.
fn check_extent(provider: &Provider, request: &AuthorizationRequest) -> Result<Vec<String>, Fault> {
    if request.prompt.as_deref().is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        return Err(("login_required", "this issuer keeps no session, so it has to ask"));
    }
    if request.resource.as_ref().is_some_and(|resource| *resource != provider.audience) {
        return Err(("invalid_target", "the resource is not known here"));
    }
    provider.grantable_scopes(request.scope.as_deref()).ok_or(("invalid_scope", "a scope is not known here"))
}

/// Where the browser goes with the answer.
struct WayBack<'a> {
    redirect_uri: Url,
    state: Option<&'a str>,
    issuer: &'a str,
}

impl<'a> WayBack<'a> {
    /// The client and the address it is answered at. Fails with a sentence for the person.
    fn find(provider: &'a Provider, request: &'a AuthorizationRequest) -> Result<(Client, Self), &'static str> {
        let client = request.client_id.as_deref().and_then(Client::find).ok_or("The client is not registered here.")?;
        let redirect_uri = request
            .redirect_uri
            .as_deref()
            .and_then(|uri| client.registered_redirect(uri))
            .ok_or("The client is not registered with this return address.")?;
        Ok((client, Self { redirect_uri, state: request.state.as_deref(), issuer: &provider.issuer }))
    }

    fn refuse(&self, (error, description): Fault) -> HttpResponse {
        self.send(&[("error", error), ("error_description", description)])
    }

    /// 303, so that the form's content stays here (RFC 9700 section 4.12); with `iss` (RFC 9207).
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
