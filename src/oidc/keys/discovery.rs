//! An issuer's published metadata (OIDC Discovery section 4, RFC 8414 section 3) and key set.
//!
//! URLs come from configuration, or from metadata whose `issuer` equals the configured issuer byte by byte.

use std::time::Duration;

use openidconnect::{AuthUrl, EndSessionUrl, TokenUrl};
use serde::Deserialize;
use url::Url;

use super::fetch::FetchError;
use super::key_document::{DocumentError, KeyDocument};
use crate::jose::Algorithm;
use crate::oidc::{IssuerSettings, PlainHttp, ProviderClient};

/// The number of characters of a provider's text that an error message repeats.
const EXCERPT_CHARS: usize = 200;

/// One issuer, and the client that fetches its documents.
pub(crate) struct Provider {
    issuer: String,
    discovery_url: Option<Url>,
    jwks_url: Option<Url>,
    static_keys: Option<String>,
    algorithms: Vec<Algorithm>,
    plain_http: PlainHttp,
    client: ProviderClient,
}

/// The metadata members in use. A stricter type, such as openidconnect's `ProviderMetadataWithLogout`, would reject usable documents that
/// lack other members.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The endpoints for sign-in and logout (OIDC Discovery section 3, RP-Initiated Logout section 2.1, RFC 9207 section 3).
pub(crate) struct LoginEndpoints {
    pub(crate) authorization: AuthUrl,
    pub(crate) token: TokenUrl,
    pub(crate) end_session: Option<EndSessionUrl>,
    /// Whether every authorization response contains `iss`.
    pub(crate) names_issuer: bool,
}

/// The reason why a document of an issuer is unavailable or unusable. The texts are for the operator: they name the problem and the
/// remedy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(
        "no metadata URL follows from the configured issuer {0:?}: correct `issuer`, or set `discovery_url` or `jwks_url`"
    )]
    NoMetadataUrl(String),
    #[error(
        "the metadata at {0} is not a JSON object with the strings `issuer` and `jwks_uri`: check that the URL is an OpenID provider's"
    )]
    NotMetadata(Url),
    #[error(
        "the metadata at {url} names the issuer {published:?}, but the configured issuer is {configured:?}: set `issuer` exactly as published"
    )]
    OtherIssuer { url: String, published: String, configured: String },
    #[error("the metadata at {url} has the `jwks_uri` {jwks_uri:?}, which is not a URL: set `jwks_url`")]
    BadKeyAddress { url: Url, jwks_uri: String },
    #[error("the metadata at {0} has no valid `introspection_endpoint`: set `introspection_url`")]
    NoIntrospection(Url),
    #[error(
        "the metadata at {0} has no allowed URLs for `authorization_endpoint` and `token_endpoint`: sign-in is unavailable"
    )]
    NoLogin(Url),
    #[error("the metadata was not received within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("the key set at {url} cannot be used: {cause}")]
    BadKeySet { url: Url, cause: DocumentError },
    #[error("`static_keys` cannot be used: {0}")]
    BadStaticKeys(DocumentError),
    #[error("another replica has just failed to fetch the keys: see its log")]
    FailedElsewhere,
    #[error("the keys stored by another replica cannot be used: {0}")]
    BadKeptKeys(DocumentError),
}

impl Provider {
    pub(crate) fn new(settings: &IssuerSettings, client: ProviderClient) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            discovery_url: settings.discovery_url.clone(),
            jwks_url: settings.jwks_url.clone(),
            static_keys: settings.static_keys.clone(),
            algorithms: settings.algorithms.clone(),
            plain_http: settings.plain_http.clone(),
            client: settings.client(&client),
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the key set, as text and as keys: the configured one if present, else the published one.
    pub(crate) async fn fetch_keys(&self) -> Result<(String, KeyDocument), ProviderError> {
        if let Some(document) = &self.static_keys {
            let keys = self.parse_keys(document).map_err(ProviderError::BadStaticKeys)?;
            return Ok((document.clone(), keys));
        }
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => {
                let (url, metadata) = self.discover().await?;
                key_set_url(url, metadata)?
            }
        };
        let body = self.client.fetch(&url, &self.plain_http).await?;
        let parsed = String::from_utf8(body).map_err(|_| DocumentError::NotAKeySet).and_then(|text| {
            let document = self.parse_keys(&text)?;
            Ok((text, document))
        });
        parsed.map_err(|cause| ProviderError::BadKeySet { url, cause })
    }

    /// Parses a key set document of this issuer, from the network or from a store.
    pub(crate) fn parse_keys(&self, document: &str) -> Result<KeyDocument, DocumentError> {
        KeyDocument::parse(document, &self.algorithms)
    }

    /// Returns the published introspection endpoint (RFC 8414 section 2).
    pub(crate) async fn introspection_endpoint(&self) -> Result<Url, ProviderError> {
        let (url, metadata) = self.discover().await?;
        let endpoint = metadata.introspection_endpoint.and_then(|endpoint| Url::parse(&endpoint).ok());
        endpoint.ok_or(ProviderError::NoIntrospection(url))
    }

    /// Returns the published endpoints for sign-in and logout, as far as they may be fetched.
    pub(crate) async fn login_endpoints(&self) -> Result<LoginEndpoints, ProviderError> {
        let (url, metadata) = self.discover().await?;
        let endpoint = |text: Option<String>| {
            text.and_then(|text| Url::parse(&text).ok()).filter(|url| self.plain_http.is_fetchable(url))
        };
        match (endpoint(metadata.authorization_endpoint), endpoint(metadata.token_endpoint)) {
            (Some(authorization), Some(token)) => Ok(LoginEndpoints {
                authorization: AuthUrl::from_url(authorization),
                token: TokenUrl::from_url(token),
                end_session: endpoint(metadata.end_session_endpoint).map(EndSessionUrl::from_url),
                names_issuer: metadata.authorization_response_iss_parameter_supported,
            }),
            _ => Err(ProviderError::NoLogin(url)),
        }
    }

    /// Fetches the metadata. Returns it with its URL.
    async fn discover(&self) -> Result<(Url, Metadata), ProviderError> {
        if let Some(url) = &self.discovery_url {
            let body = self.client.fetch(url, &self.plain_http).await?;
            return self.read_metadata(url.clone(), &body);
        }
        let no_url = || ProviderError::NoMetadataUrl(self.issuer.clone());
        let url = openid_metadata_url(&self.issuer).ok_or_else(no_url)?;
        match self.client.fetch(&url, &self.plain_http).await {
            Ok(body) => self.read_metadata(url, &body),
            Err(error) if error.is_not_found() => {
                let url = oauth_metadata_url(&self.issuer).ok_or_else(no_url)?;
                let body = self.client.fetch(&url, &self.plain_http).await?;
                self.read_metadata(url, &body)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read_metadata(&self, url: Url, body: &[u8]) -> Result<(Url, Metadata), ProviderError> {
        let Ok(metadata) = serde_json::from_slice::<Metadata>(body) else {
            return Err(ProviderError::NotMetadata(url));
        };
        if metadata.issuer != self.issuer {
            return Err(ProviderError::OtherIssuer {
                url: url.to_string(),
                published: excerpt(metadata.issuer),
                configured: self.issuer.clone(),
            });
        }
        Ok((url, metadata))
    }
}

fn key_set_url(url: Url, metadata: Metadata) -> Result<Url, ProviderError> {
    Url::parse(&metadata.jwks_uri)
        .map_err(|_| ProviderError::BadKeyAddress { url, jwks_uri: excerpt(metadata.jwks_uri) })
}

/// Truncates a provider's text for an error message: a document can be long.
fn excerpt(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(EXCERPT_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// OIDC Discovery section 4: the well-known path is appended to the issuer.
fn openid_metadata_url(issuer: &str) -> Option<Url> {
    with_path(issuer, |path| format!("{path}/.well-known/openid-configuration"))
}

/// RFC 8414 section 3.1: the well-known path is inserted between the host and the path of the issuer.
fn oauth_metadata_url(issuer: &str) -> Option<Url> {
    with_path(issuer, |path| format!("/.well-known/oauth-authorization-server{path}"))
}

/// Returns `issuer` with its path, without the trailing slash, replaced by `change`.
fn with_path(issuer: &str, change: impl Fn(&str) -> String) -> Option<Url> {
    let mut url = Url::parse(issuer).ok().filter(Url::has_host)?;
    let path = change(url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests;
