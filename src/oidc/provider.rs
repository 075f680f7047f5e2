//! What an issuer publishes about itself: its metadata (OIDC Discovery section 4, RFC 8414 section 3) and its keys.
//!
//! Addresses come from configuration, or from metadata that names the configured issuer octet by octet.

use serde::Deserialize;
use url::Url;

use super::fetch::FetchError;
use super::key_document::{DocumentError, KeyDocument};
use super::{Algorithm, IssuerSettings, PlainHttp, ProviderClient};

/// One issuer, and the means to ask it.
pub(super) struct Provider {
    issuer: String,
    discovery_url: Option<Url>,
    jwks_url: Option<Url>,
    static_keys: Option<String>,
    algorithms: Vec<Algorithm>,
    plain_http: PlainHttp,
    client: ProviderClient,
}

/// The two members of the metadata that are needed. A stricter type would refuse honest documents for want of others.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Why an issuer's keys could not be had. The texts are for the operator: they name what differs and say what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(
        "the configured issuer {0:?} is not a URL to find metadata at: correct it, or configure the URL of the metadata or the keys"
    )]
    NoPlaceForMetadata(String),
    #[error(
        "the metadata at {0} is not a JSON object with the texts `issuer` and `jwks_uri`: check that it is an OpenID provider's"
    )]
    NotMetadata(Url),
    #[error(
        "the metadata at {url} is of issuer {published:?}, but the configured issuer is {configured:?}: configure it exactly as published"
    )]
    OtherIssuer { url: String, published: String, configured: String },
    #[error("the metadata at {url} has {jwks_uri:?} for `jwks_uri`, which is not a URL: configure the URL of the keys")]
    BadKeyAddress { url: Url, jwks_uri: String },
    #[error("the key set at {url} cannot be used: {cause}")]
    BadKeySet { url: Url, cause: DocumentError },
    #[error("the configured key set cannot be used: {0}")]
    BadStaticKeys(DocumentError),
}

impl Provider {
    pub(super) fn new(settings: &IssuerSettings, client: ProviderClient) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            discovery_url: settings.discovery_url.clone(),
            jwks_url: settings.jwks_url.clone(),
            static_keys: settings.static_keys.clone(),
            algorithms: settings.algorithms.clone(),
            plain_http: settings.plain_http.clone(),
            client,
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The published key set, as text and as keys; the configured one, if there is one.
    pub(super) async fn fetch_keys(&self) -> Result<(String, KeyDocument), ProviderError> {
        if let Some(document) = &self.static_keys {
            let keys = self.parse_keys(document).map_err(ProviderError::BadStaticKeys)?;
            return Ok((document.clone(), keys));
        }
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover_keys().await?,
        };
        let body = self.client.fetch(&url, &self.plain_http).await?;
        let parsed = String::from_utf8(body).map_err(|_| DocumentError::NotAKeySet).and_then(|text| {
            let document = self.parse_keys(&text)?;
            Ok((text, document))
        });
        parsed.map_err(|cause| ProviderError::BadKeySet { url, cause })
    }

    /// The keys in a document of this issuer, wherever it comes from.
    pub(super) fn parse_keys(&self, document: &str) -> Result<KeyDocument, DocumentError> {
        KeyDocument::parse(document, &self.algorithms)
    }

    async fn discover_keys(&self) -> Result<Url, ProviderError> {
        if let Some(url) = &self.discovery_url {
            let body = self.client.fetch(url, &self.plain_http).await?;
            return self.key_address(url, &body);
        }
        let no_place = || ProviderError::NoPlaceForMetadata(self.issuer.clone());
        let url = openid_metadata_url(&self.issuer).ok_or_else(no_place)?;
        match self.client.fetch(&url, &self.plain_http).await {
            Ok(body) => self.key_address(&url, &body),
            Err(error) if error.is_not_found() => {
                let url = oauth_metadata_url(&self.issuer).ok_or_else(no_place)?;
                let body = self.client.fetch(&url, &self.plain_http).await?;
                self.key_address(&url, &body)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn key_address(&self, url: &Url, body: &[u8]) -> Result<Url, ProviderError> {
        let metadata: Metadata = serde_json::from_slice(body).map_err(|_| ProviderError::NotMetadata(url.clone()))?;
        if metadata.issuer != self.issuer {
            return Err(ProviderError::OtherIssuer {
                url: url.to_string(),
                published: metadata.issuer,
                configured: self.issuer.clone(),
            });
        }
        Url::parse(&metadata.jwks_uri)
            .map_err(|_| ProviderError::BadKeyAddress { url: url.clone(), jwks_uri: metadata.jwks_uri })
    }
}

/// OIDC Discovery section 4: appended to the issuer.
fn openid_metadata_url(issuer: &str) -> Option<Url> {
    with_path(issuer, |path| format!("{path}/.well-known/openid-configuration"))
}

/// RFC 8414 section 3.1: inserted between the host and the path of the issuer.
fn oauth_metadata_url(issuer: &str) -> Option<Url> {
    with_path(issuer, |path| format!("/.well-known/oauth-authorization-server{path}"))
}

/// `issuer` with another path, made from its own without the closing slash.
fn with_path(issuer: &str, change: impl Fn(&str) -> String) -> Option<Url> {
    let mut url = Url::parse(issuer).ok().filter(Url::has_host)?;
    let path = change(url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests;
