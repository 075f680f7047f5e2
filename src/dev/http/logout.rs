//! `/logout`: OpenID Connect RP-Initiated Logout.
//!
//! The issuer keeps no browser session. Sign-out ends the grants of the user to the client, so that no token can be refreshed. Only an ID
//! token identifies the user: without one, no grant ends and the browser is only redirected.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::page;
use super::parameter::given;
use crate::dev::directory::Client;
use crate::dev::id_token;
use crate::dev::provider::Provider;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LogoutRequest {
    #[serde(deserialize_with = "given")]
    id_token_hint: Option<String>,
    #[serde(deserialize_with = "given")]
    client_id: Option<String>,
    #[serde(deserialize_with = "given")]
    post_logout_redirect_uri: Option<String>,
    #[serde(deserialize_with = "given")]
    state: Option<String>,
}

pub(super) async fn by_link(
    provider: web::Data<Provider>,
    query: Result<web::Query<LogoutRequest>, actix_web::Error>,
) -> HttpResponse {
    query.map_or_else(|_| unreadable(), |request| sign_out(&provider, &request).unwrap_or_else(page::refusal))
}

pub(super) async fn by_form(
    provider: web::Data<Provider>,
    form: Result<web::Form<LogoutRequest>, actix_web::Error>,
) -> HttpResponse {
    form.map_or_else(|_| unreadable(), |request| sign_out(&provider, &request).unwrap_or_else(page::refusal))
}

fn unreadable() -> HttpResponse {
    page::refusal("A parameter is duplicated or malformed.")
}

/// Ends the grants after all checks. Fails with a sentence for the user.
fn sign_out(provider: &Provider, request: &LogoutRequest) -> Result<HttpResponse, &'static str> {
    let named = match &request.client_id {
        Some(id) => Some(Client::find(id).ok_or("The client is not registered.")?),
        None => None,
    };
    let hinted = match &request.id_token_hint {
        Some(hint) => Some(id_token::read_hint(provider, hint).ok_or("The ID token was not issued by this issuer.")?),
        None => None,
    };
    let hinted_client = hinted.map(|(client, _)| client);
    if named.is_some() && hinted_client.is_some() && named != hinted_client {
        return Err("The ID token was issued to another client.");
    }
    let response = redirect_or_page(request, named.or(hinted_client))?;
    if let Some((client, user)) = hinted {
        provider.grants.end(client, user.login);
    }
    Ok(response)
}

/// The redirect to a registered `post_logout_redirect_uri`, or a page if none is given.
fn redirect_or_page(request: &LogoutRequest, client: Option<Client>) -> Result<HttpResponse, &'static str> {
    let Some(uri) = &request.post_logout_redirect_uri else {
        return Ok(page::notice("Signed out", "You can close this window."));
    };
    let mut location = client
        .and_then(|client| client.registered_redirect(uri))
        .ok_or("The client is not named, or the redirect URI is not registered for it.")?;
    if let Some(state) = &request.state {
        location.query_pairs_mut().append_pair("state", state);
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}
