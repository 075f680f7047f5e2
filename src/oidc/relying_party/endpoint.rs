//! Requests to the provider's authorization, token and logout endpoints.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::login_error::LoginError;
use super::settings::LoginSettings;
use crate::Clock;
use crate::oidc::keys::discovered::Discovered;
use crate::oidc::keys::discovery::{LoginEndpoints, Provider, ProviderError};
use crate::oidc::keys::fetch::FetchError;
use crate::oidc::{IssuerSettings, PlainHttp, ProviderClient};
use crate::redacted::redact_debug;

/// The bytes of a nonce: 128 bits are not guessable.
const NONCE_BYTES: u32 = 16;

/// This service's client at one issuer.
pub(crate) struct RelyingParty {
    settings: LoginSettings,
    http: HttpClient,
    endpoints: Discovered<LoginEndpoints>,
}

/// Sends the requests of the `oauth2` crate.
struct HttpClient {
    client: ProviderClient,
    plain_http: PlainHttp,
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = FetchError;
    type Future = BoxFuture<'c, Result<HttpResponse, FetchError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.client.exchange(request, &self.plain_http).boxed()
    }
}

/// The tokens of a token response (OIDC Core section 3.1.3.3).
pub(crate) struct Tokens {
    pub(crate) access_token: SecretString,
    pub(crate) id_token: Option<SecretString>,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) expires_in: Option<TimeDelta>,
}

/// The values that bind an authorization response to its request.
pub(crate) struct Secrets {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: SecretString,
}

/// The field that OpenID Connect adds to a token response.
#[derive(Serialize, Deserialize)]
struct IdTokenField {
    id_token: Option<String>,
}

redact_debug!(IdTokenField);

impl ExtraTokenFields for IdTokenField {}

type OidcTokenResponse = StandardTokenResponse<IdTokenField, BasicTokenType>;

type OAuthClient = Client<
    BasicErrorResponse,
    OidcTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl RelyingParty {
    /// Creates the client of the issuer's settings; `None` if they have none for browser sign-in.
    pub(crate) fn new(settings: &IssuerSettings, client: &ProviderClient, clock: &Clock) -> Option<Self> {
        let client = settings.client(client);
        let provider = Provider::new(settings, client.clone());
        Some(Self {
            settings: settings.login.clone()?,
            http: HttpClient { client, plain_http: settings.plain_http.clone() },
            endpoints: Discovered::new(provider, clock.clone(), read_endpoints),
        })
    }

    pub(crate) fn settings(&self) -> &LoginSettings {
        &self.settings
    }

    /// Returns whether every authorization response contains `iss` (RFC 9207 section 3).
    pub(crate) async fn names_issuer(&self) -> Result<bool, LoginError> {
        Ok(self.endpoints().await?.names_issuer)
    }

    /// Returns the URL of the authorization request, and the values that its response must match.
    pub(crate) async fn authorization_url(
        &self,
        redirect_uri: &str,
        prompt: Option<&str>,
    ) -> Result<(Url, Secrets), LoginError> {
        let (client, redirect_uri) = (self.oauth_client().await?, parse_redirect_uri(redirect_uri)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random_len(NONCE_BYTES).into_secret();
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .set_redirect_uri(Cow::Borrowed(&redirect_uri))
            .set_pkce_challenge(challenge)
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("nonce", nonce.clone());
        if let Some(prompt) = prompt {
            request = request.add_extra_param("prompt", prompt);
        }
        let (url, state) = request.url();
        Ok((url, Secrets { state: state.into_secret(), nonce, verifier: secret(&verifier) }))
    }

    /// Exchanges an authorization code for tokens.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        verifier: PkceCodeVerifier,
        redirect_uri: &str,
    ) -> Result<Tokens, LoginError> {
        let (client, redirect_uri) = (self.oauth_client().await?, parse_redirect_uri(redirect_uri)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(verifier)
            .set_redirect_uri(Cow::Borrowed(&redirect_uri));
        read(request.request_async(&self.http).await)
    }

    /// Exchanges a refresh token for new tokens.
    pub(crate) async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, LoginError> {
        let client = self.oauth_client().await?;
        let refresh_token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        read(client.exchange_refresh_token(&refresh_token).request_async(&self.http).await)
    }

    /// Returns the URL of the logout request; `None` if the provider has no logout endpoint or discovery fails.
    pub(crate) async fn end_session_url(&self, id_token: Option<&SecretString>, after: Option<&Url>) -> Option<Url> {
        let mut url = self.endpoints().await.ok()?.end_session.clone()?;
        let id_token = id_token.map(ExposeSecret::expose_secret);
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .extend_pairs(id_token.map(|id_token| ("id_token_hint", id_token)))
            .extend_pairs(after.map(|after| ("post_logout_redirect_uri", after.as_str())));
        Some(url)
    }

    /// Returns the endpoints of the metadata.
    async fn endpoints(&self) -> Result<Arc<LoginEndpoints>, LoginError> {
        self.endpoints.get().await.map_err(|error| LoginError::unavailable(&error))
    }

    async fn oauth_client(&self) -> Result<OAuthClient, LoginError> {
        let endpoints = self.endpoints().await?;
        let client = Client::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(endpoints.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(endpoints.token.clone()));
        Ok(match &self.settings.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
            None => client,
        })
    }
}

/// Returns the code verifier as a secret.
fn secret(verifier: &PkceCodeVerifier) -> SecretString {
    SecretString::from(verifier.secret().as_str())
}

fn read_endpoints(provider: Arc<Provider>) -> BoxFuture<'static, Result<LoginEndpoints, ProviderError>> {
    async move { provider.login_endpoints().await }.boxed()
}

fn parse_redirect_uri(redirect_uri: &str) -> Result<RedirectUrl, LoginError> {
    RedirectUrl::new(redirect_uri.to_owned()).map_err(|_| LoginError::NotOurs)
}

/// Converts `expires_in` (RFC 6749 section 5.1), which can be any number. A value out of range becomes the maximum.
pub(crate) fn lifetime(expires_in: Duration) -> TimeDelta {
    TimeDelta::from_std(expires_in).unwrap_or(TimeDelta::MAX)
}

/// Converts a token response. An error repeats nothing from the provider except a registered error code.
fn read(
    response: Result<OidcTokenResponse, RequestTokenError<FetchError, BasicErrorResponse>>,
) -> Result<Tokens, LoginError> {
    let response = response.map_err(|error| match error {
        RequestTokenError::ServerResponse(refusal) => match refusal.error() {
            BasicErrorResponseType::InvalidGrant => LoginError::Refused,
            BasicErrorResponseType::Extension(_) => LoginError::Misconfigured("provider-specific error".to_owned()),
            known => LoginError::Misconfigured(known.as_ref().to_owned()),
        },
        RequestTokenError::Request(error) => LoginError::Unavailable(error.to_string()),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            LoginError::Unavailable("the response of the token endpoint is malformed".to_owned())
        }
    })?;
    let token = |text: &String| SecretString::from(text.as_str());
    Ok(Tokens {
        access_token: token(response.access_token().secret()),
        id_token: response.extra_fields().id_token.as_ref().map(token),
        refresh_token: response.refresh_token().map(|refresh_token| token(refresh_token.secret())),
        expires_in: response.expires_in().map(lifetime),
    })
}
