//! `/token`: codes, refresh tokens and client credentials become access tokens. `/dev/token`: nothing does.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use openidconnect::StandardErrorResponse;
use openidconnect::core::{CoreErrorResponseType, CoreIdToken};
use serde::{Deserialize, Serialize};

use super::client_authentication::authenticate;
use super::given;
use crate::dev::directory::{self, Client, MACHINE_CLIENT};
use crate::dev::grants::{Grant, Redemption};
use crate::dev::id_token;
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DevelopmentTokenRequest {
    #[serde(deserialize_with = "given")]
    subject: Option<String>,
    #[serde(deserialize_with = "given")]
    scope: Option<String>,
}

/// RFC 6749 section 5.1.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<CoreIdToken>,
}

/// RFC 6749 section 5.2.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
pub(super) struct Refusal {
    error: CoreErrorResponseType,
    description: &'static str,
}

impl Refusal {
    fn new(error: CoreErrorResponseType, description: &'static str) -> Self {
        Self { error, description }
    }

    pub(super) fn request(description: &'static str) -> Self {
        Self::new(CoreErrorResponseType::InvalidRequest, description)
    }

    pub(super) fn client(description: &'static str) -> Self {
        Self::new(CoreErrorResponseType::InvalidClient, description)
    }

    fn scope() -> Self {
        Self::new(CoreErrorResponseType::InvalidScope, "a scope is not known here, or was not granted")
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self.error {
            CoreErrorResponseType::InvalidClient => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.error == CoreErrorResponseType::InvalidClient {
            response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"token\", charset=\"UTF-8\""));
        }
        let description = Some(self.description.to_owned());
        response.json(StandardErrorResponse::new(self.error.clone(), description, None))
    }
}

/// The token endpoint.
pub(super) async fn issue(
    provider: web::Data<Provider>,
    request: HttpRequest,
    form: Result<web::Form<TokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let form = form.map_err(|_| Refusal::request("the form cannot be read, or a parameter is there twice"))?;
    let client = authenticate(request.headers(), form.client_id.as_deref(), form.client_secret.as_deref())?;
    if form.resource.as_ref().is_some_and(|resource| *resource != provider.audience) {
        let invalid_target = CoreErrorResponseType::Extension("invalid_target".to_owned());
        return Err(Refusal::new(invalid_target, "the resource is not known here"));
    }
    let tokens = match (form.grant_type.as_deref(), client) {
        (Some("authorization_code"), Client::Spa) => by_code(&provider, client, &form)?,
        (Some("refresh_token"), Client::Spa) => by_refresh_token(&provider, client, &form)?,
        (Some("client_credentials"), Client::Machine) => for_itself(&provider, client, &form)?,
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

/// A token for the asking, for people at a terminal: `subject` is `alice`, `bob` or `reporter`.
pub(super) async fn issue_for_development(
    provider: web::Data<Provider>,
    form: Result<web::Form<DevelopmentTokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let form = form.map_err(|_| Refusal::request("the form cannot be read, or a parameter is there twice"))?;
    let scopes = provider.grantable_scopes(form.scope.as_deref()).ok_or_else(Refusal::scope)?;
    let token = match form.subject.as_deref() {
        Some(MACHINE_CLIENT) => TokenBuilder::new(&provider).machine(MACHINE_CLIENT),
        Some(login) if directory::find_person(login).is_some() => TokenBuilder::new(&provider).subject(login),
        _ => return Err(Refusal::request("subject must be alice, bob or reporter")),
    };
    Ok(answer(&bearer(token, &scopes)))
}

fn by_code(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let (Some(code), Some(redirect_uri), Some(verifier)) = (&form.code, &form.redirect_uri, &form.code_verifier) else {
        return Err(Refusal::request("code, redirect_uri and code_verifier are required"));
    };
    let shown = Redemption { client, code, redirect_uri, verifier };
    let (grant, refresh_token) = provider.grants.redeem(&shown, provider.clock.now()).ok_or(Refusal::new(
        CoreErrorResponseType::InvalidGrant,
        "the code is unknown, used or expired, or was issued for another client, address or verifier",
    ))?;
    Ok(for_person(provider, &grant, &grant.scopes, refresh_token))
}

/// The new refresh token has the extent of the first, whatever is asked for this time (RFC 6749 section 6).
fn by_refresh_token(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let token = form.refresh_token.as_deref().ok_or(Refusal::request("refresh_token is missing"))?;
    let (grant, next) = provider.grants.refresh(client, token, provider.clock.now()).ok_or(Refusal::new(
        CoreErrorResponseType::InvalidGrant,
        "the refresh token is unknown, used, expired or revoked",
    ))?;
    let scopes = match &form.scope {
        None => grant.scopes.clone(),
        Some(narrower) => narrower.split(' ').map(str::to_owned).collect(),
    };
    if scopes.iter().all(|scope| grant.scopes.contains(scope)) {
        Ok(for_person(provider, &grant, &scopes, next))
    } else {
        Err(Refusal::scope())
    }
}

fn for_itself(provider: &Provider, client: Client, form: &TokenRequest) -> Result<TokenResponse, Refusal> {
    let scopes = provider.grantable_scopes(form.scope.as_deref()).ok_or_else(Refusal::scope)?;
    Ok(bearer(TokenBuilder::new(provider).machine(client.id()), &scopes))
}

fn for_person(provider: &Provider, grant: &Grant, scopes: &[String], refresh_token: String) -> TokenResponse {
    let token = TokenBuilder::new(provider).subject(grant.person.login).client(grant.client.id());
    let tokens = bearer(token, scopes);
    let id_token =
        scopes.iter().any(|scope| scope == "openid").then(|| id_token::issue(provider, grant, &tokens.access_token));
    TokenResponse { refresh_token: Some(refresh_token), id_token, ..tokens }
}

fn bearer(token: TokenBuilder, scopes: &[String]) -> TokenResponse {
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

fn answer(tokens: &TokenResponse) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(tokens)
}
