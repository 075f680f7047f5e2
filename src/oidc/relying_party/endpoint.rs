//! Requests to the provider's authorization, token and logout endpoints.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreGenderClaim, CoreJweContentEncryptionAlgorithm,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyAdditionalClaims,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, JsonWebKeySet, LogoutRequest, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, RefreshToken, Scope,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::answer::PendingLogin;
use super::issuer_key::IssuerKey;
use super::login_error::LoginError;
use super::settings::LoginSettings;
use super::token_response::{TokenError, TokenResponse, Tokens, read};
use crate::Clock;
use crate::oidc::keys::discovered::Discovered;
use crate::oidc::keys::discovery::{LoginEndpoints, Provider, ProviderError};
use crate::oidc::keys::fetch::FetchError;
use crate::oidc::{IssuerSettings, PlainHttp, ProviderClient};

/// This service's client at one issuer.
pub(crate) struct RelyingParty {
    issuer: IssuerUrl,
    settings: LoginSettings,
    http: HttpClient,
    endpoints: Discovered<LoginEndpoints>,
}

/// Sends the requests of openidconnect.
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

/// openidconnect's client with an authorization and a token endpoint.
type OidcClient = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    IssuerKey,
    CoreAuthPrompt,
    TokenError,
    TokenResponse,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

impl RelyingParty {
    /// Creates the client of the issuer's settings; `None` if they have none for browser sign-in.
    pub(crate) fn new(settings: &IssuerSettings, client: &ProviderClient, clock: &Clock) -> Option<Self> {
        let login = settings.login.clone()?;
        let client = settings.client(client);
        let provider = Provider::new(settings, client.clone());
        Some(Self {
            // The configuration accepts only URLs.
            issuer: IssuerUrl::new(settings.issuer.clone()).ok()?,
            settings: login,
            http: HttpClient { client, plain_http: settings.plain_http.clone() },
            endpoints: Discovered::new(provider, clock.clone(), read_endpoints),
        })
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Returns whether every authorization response contains `iss` (RFC 9207 section 3).
    pub(crate) async fn names_issuer(&self) -> Result<bool, LoginError> {
        Ok(self.endpoints().await?.names_issuer)
    }

    /// Returns the URL of the authorization request, and the sign-in that its response must match.
    pub(crate) async fn authorization_url(
        &self,
        redirect_uri: &str,
        prompt: Option<&str>,
    ) -> Result<(Url, PendingLogin), LoginError> {
        let (client, redirect_uri) = (self.oidc_client().await?, parse_redirect_uri(redirect_uri)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .set_redirect_uri(Cow::Borrowed(&redirect_uri))
            .set_pkce_challenge(challenge)
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new));
        if let Some(prompt) = prompt {
            request = request.add_prompt(CoreAuthPrompt::Extension(prompt.to_owned()));
        }
        let (url, state, nonce) = request.url();
        Ok((url, PendingLogin::new(self.issuer.to_string(), state, nonce, verifier)))
    }

    /// Exchanges an authorization code for tokens.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        verifier: PkceCodeVerifier,
        redirect_uri: &str,
    ) -> Result<Tokens, LoginError> {
        let (client, redirect_uri) = (self.oidc_client().await?, parse_redirect_uri(redirect_uri)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(verifier)
            .set_redirect_uri(Cow::Borrowed(&redirect_uri));
        read(request.request_async(&self.http).await)
    }

    /// Exchanges a refresh token for new tokens.
    pub(crate) async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, LoginError> {
        let client = self.oidc_client().await?;
        let refresh_token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        read(client.exchange_refresh_token(&refresh_token).request_async(&self.http).await)
    }

    /// Returns the URL of the logout request; `None` if the provider has no logout endpoint or discovery fails.
    pub(crate) async fn end_session_url(&self, id_token: Option<&SecretString>, after: Option<&Url>) -> Option<Url> {
        let endpoint = self.endpoints().await.ok()?.end_session.clone()?;
        let mut request = LogoutRequest::from(endpoint).set_client_id(ClientId::new(self.settings.client_id.clone()));
        if let Some(after) = after {
            request = request.set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(after.clone()));
        }
        let mut url = request.http_get_url();
        // The ID token was verified at the sign-in. openidconnect takes only one that it has parsed, with claims in its shapes.
        if let Some(id_token) = id_token {
            url.query_pairs_mut().append_pair("id_token_hint", id_token.expose_secret());
        }
        Some(url)
    }

    /// Returns the endpoints of the metadata.
    async fn endpoints(&self) -> Result<Arc<LoginEndpoints>, LoginError> {
        self.endpoints.get().await.map_err(|error| LoginError::unavailable(&error))
    }

    /// Returns a client without keys: those of the issuer's key set verify its tokens.
    async fn oidc_client(&self) -> Result<OidcClient, LoginError> {
        let endpoints = self.endpoints().await?;
        let client_id = ClientId::new(self.settings.client_id.clone());
        let client = Client::new(client_id, self.issuer.clone(), JsonWebKeySet::new(Vec::new()))
            // It is among the configured scopes.
            .disable_openid_scope()
            .set_auth_uri(endpoints.authorization.clone())
            .set_token_uri(endpoints.token.clone());
        Ok(match &self.settings.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
            None => client,
        })
    }
}

fn read_endpoints(provider: Arc<Provider>) -> BoxFuture<'static, Result<LoginEndpoints, ProviderError>> {
    async move { provider.login_endpoints().await }.boxed()
}

fn parse_redirect_uri(redirect_uri: &str) -> Result<RedirectUrl, LoginError> {
    RedirectUrl::new(redirect_uri.to_owned()).map_err(|_| LoginError::NotOurs)
}
