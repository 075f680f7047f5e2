//! `/token`: exchanges codes, refresh tokens and client credentials for access tokens (RFC 6749 section 3.2).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use openidconnect::core::CoreErrorResponseType;
use serde::{Deserialize, Serialize};

use super::client_authentication::authenticate;
use super::documents;
use super::parameter::given;
use super::refusal::Refusal;
use crate::dev::directory::Client;
use crate::dev::grants::{Grant, NotRefreshed, Redemption};
use crate::dev::id_token::{self, IdToken};
use crate::dev::provider::Provider;
use crate::dev::token_builder::{TOKEN_LIFETIME, TokenBuilder};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRequest {
    #[serde(deserialize_with = "given")]
    grant_type: Option<String>,
    #[serde(deserialize_with = "given")]
    client_id: Option<String>,
    #[serde(deserialize_with = "given")]
    client_secret: Option<String>,
    #[serde(deserialize_with = "given")]
    code: Option<String>,
    #[serde(deserialize_with = "given")]
    redirect_uri: Option<String>,
    #[serde(deserialize_with = "given")]
    code_verifier: Option<String>,
    #[serde(deserialize_with = "given")]
    refresh_token: Option<String>,
    #[serde(deserialize_with = "given")]
    scope: Option<String>,
    #[serde(deserialize_with = "given")]
    resource: Option<String>,
}

/// A successful response (RFC 6749 section 5.1).
#[derive(Serialize)]
pub(super) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<IdToken>,
}

/// Handles a token request.
pub(super) async fn issue(
    provider: web::Data<Provider>,
    request: HttpRequest,
    form: Result<web::Form<TokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    if let Some(response) = documents::overridden(provider.token.pass().await) {
        return Ok(response);
    }
    let form = form.map_err(|_| Refusal::unreadable())?;
    let client = authenticate(request.headers(), form.client_id.as_deref(), form.client_secret.as_deref())?;
    if form.resource.as_ref().is_some_and(|resource| *resource != provider.audience) {
        let invalid_target = CoreErrorResponseType::Extension("invalid_target".to_owned());
        return Err(Refusal::new(invalid_target, "the resource is unknown"));
    }
    let tokens = match (form.grant_type.as_deref(), client) {
        (Some("authorization_code"), client) if client.signs_users_in() => by_code(&provider, client, &form)?,
        (Some("refresh_token"), client) if client.signs_users_in() => by_refresh_token(&provider, client, &form)?,
        (Some("client_credentials"), Client::Machine) => by_client_credentials(&provider, client, &form)?,
        (Some("authorization_code" | "refresh_token" | "client_credentials"), _) => {
            let error = CoreErrorResponseType::UnauthorizedClient;
            return Err(Refusal::new(error, "the client is not registered for this grant"));
        }
        (Some(_), _) => {
            let error = CoreErrorResponseType::UnsupportedGrantType;
            return Err(Refusal::new(error, "this grant is not supported"));
        }
        (None, _) => return Err(Refusal::request("grant_type is missing")),
    };
    Ok(answer(&tokens))
}

fn by_code(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let (Some(code), Some(redirect_uri), Some(verifier)) = (&form.code, &form.redirect_uri, &form.code_verifier) else {
        return Err(Refusal::request("code, redirect_uri and code_verifier are required"));
    };
    let redemption = Redemption { client, code, redirect_uri, verifier };
    let (grant, refresh_token) = provider.grants.redeem(&redemption, provider.clock.now()).ok_or(Refusal::new(
        CoreErrorResponseType::InvalidGrant,
        "the code is unknown, used or expired, or was issued for another client, address or verifier",
    ))?;
    Ok(user_tokens(provider, &grant, &grant.scopes, refresh_token))
}

/// The new refresh token keeps the originally granted scopes, even if this request narrows them (RFC 6749 section 6).
fn by_refresh_token(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let token = form.refresh_token.as_deref().ok_or(Refusal::request("refresh_token is missing"))?;
    let refreshed = provider.grants.refresh(client, token, form.scope.as_deref(), provider.clock.now());
    let (grant, next) = refreshed.map_err(|reason| match reason {
        NotRefreshed::InvalidGrant => {
            Refusal::new(CoreErrorResponseType::InvalidGrant, "the refresh token is unknown, used, expired or revoked")
        }
        NotRefreshed::ExcessiveScope => Refusal::scope(),
    })?;
    let scopes = match &form.scope {
        None => grant.scopes.clone(),
        Some(narrower) => narrower.split(' ').map(str::to_owned).collect(),
    };
    Ok(user_tokens(provider, &grant, &scopes, next))
}

fn by_client_credentials(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let scopes = provider.grantable_scopes(form.scope.as_deref()).ok_or_else(Refusal::scope)?;
    Ok(bearer(TokenBuilder::new(provider).machine(client.id()), &scopes))
}

fn user_tokens(provider: &Provider, grant: &Grant, scopes: &[String], refresh_token: String) -> TokenResponse {
    let token = TokenBuilder::new(provider).subject(grant.user.login).client(grant.client.id());
    let tokens = bearer(token, scopes);
    let id_token =
        scopes.iter().any(|scope| scope == "openid").then(|| id_token::issue(provider, grant, &tokens.access_token));
    TokenResponse { refresh_token: Some(refresh_token), id_token, ..tokens }
}

/// A response with an access token for these scopes, without refresh token and ID token.
pub(super) fn bearer(token: TokenBuilder, scopes: &[String]) -> TokenResponse {
    let scope = scopes.join(" ");
    TokenResponse {
        access_token: token.scope(scope.as_str()).sign(),
        token_type: "Bearer",
        expires_in: TOKEN_LIFETIME.num_seconds(),
        scope,
        refresh_token: None,
        id_token: None,
    }
}

pub(super) fn answer(tokens: &TokenResponse) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(tokens)
}
