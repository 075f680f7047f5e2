//! `/logout`: OpenID Connect RP-Initiated Logout.
//!
//! The issuer keeps no browser session; what ends is what the person granted to the app, so that nothing can be refreshed. Who that is
//! only an ID token can say: without one there is nobody to sign out, and the browser is just sent back.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::{given, page};
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
    page::refusal("A parameter is there twice or cannot be read.")
}

/// Checks everything before it ends anything. Fails with what is wrong.
fn sign_out(provider: &Provider, request: &LogoutRequest) -> Result<HttpResponse, &'static str> {
    let named = match &request.client_id {
        Some(id) => Some(Client::find(id).ok_or("The client is not registered here.")?),
        None => None,
    };
    let hinted = match &request.id_token_hint {
        Some(hint) => Some(id_token::read_hint(provider, hint).ok_or("The ID token is not from here.")?),
        None => None,
    };
    let hinted_client = hinted.map(|(client, _)| client);
    if named.is_some() && hinted_client.is_some() && named != hinted_client {
        return Err("The ID token is for another client.");
    }
    let answer = way_back(request, named.or(hinted_client))?;
    if let Some((client, person)) = hinted {
        provider.grants.end(client, person.login);
    }
    Ok(answer)
}

/// Back to the app if it asked for that from a registered address, else a page.
fn way_back(request: &LogoutRequest, client: Option<Client>) -> Result<HttpResponse, &'static str> {
    let Some(uri) = &request.post_logout_redirect_uri else {
        return Ok(page::notice("Signed out", "You can close this window."));
    };
    let mut location = client
        .and_then(|client| client.registered_redirect(uri))
        .ok_or("The client is not named, or not registered with this return address.")?;
    if let Some(state) = &request.state {
        location.query_pairs_mut().append_pair("state", state);
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}
