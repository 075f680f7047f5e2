//! HTTP requests to providers: bounded in time and size, without redirects, and only to allowed URLs.

use std::time::Duration;

use reqwest::{Certificate, RequestBuilder, Response, StatusCode, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::oidc::PlainHttp;
use crate::telemetry::error_chain;

/// The size limit of a response body.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of one request, from connecting to the last byte of the response.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The HTTP client for identity providers. Cheap to clone; clones share the TLS configuration.
#[derive(Clone, Debug)]
pub struct ProviderClient {
    https: reqwest::Client,
    /// For plain http, which is limited to this machine and to listed hosts of the internal network. It uses no proxy, which could alter
    /// the traffic.
    http: reqwest::Client,
}

/// A form for a POST request. Its `Debug` output contains no secret.
#[derive(Debug)]
pub(crate) struct FormRequest {
    pub(crate) accept: &'static str,
    /// The value of the Authorization field.
    pub(crate) authorization: Option<SecretString>,
    /// The fields, form-encoded.
    pub(crate) body: SecretString,
}

/// The body of a 200 response.
pub(crate) struct FetchedBody {
    /// The value of the Content-Type field; empty if absent.
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
}

/// The reason why a request failed. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0} may not be fetched: use https without credentials, or list its host:port in OIDC_ALLOW_HTTP_HOSTS")]
    NotAllowed(Url),
    #[error("the request has no valid URL")]
    NoUrl,
    #[error("{url} answered {status}{}", advice(*status))]
    Status { url: Url, status: StatusCode },
    #[error("{0} answered with more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge(Url),
    #[error("{url} could not be reached: {cause}")]
    Unreachable { url: Url, cause: String },
}

/// The remedy for a status other than 200, or an empty text.
fn advice(status: StatusCode) -> &'static str {
    if status.is_redirection() {
        ", and redirects are not followed: configure the final URL"
    } else if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        ": check the credentials and permissions of this service at the provider"
    } else if status == StatusCode::NOT_FOUND {
        ": check the URL"
    } else {
        ""
    }
}

impl FetchError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::NOT_FOUND, .. })
    }

    fn unreachable(url: &Url, error: reqwest::Error) -> Self {
        Self::Unreachable { url: url.clone(), cause: error_chain(&error.without_url()) }
    }
}

impl ProviderClient {
    /// Creates a client that follows no redirects and waits at most two seconds for a connection and five for a response.
    ///
    /// Fails if TLS cannot be set up, for example without root certificates.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::trusting(&[])
    }

    /// Creates a client that trusts `authorities` in addition to the system's.
    pub(crate) fn trusting(authorities: &[Certificate]) -> Result<Self, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(FETCH_TIMEOUT)
                // Fetches are minutes apart: an idle connection would be closed before its next use.
                .pool_max_idle_per_host(0)
        };
        let https = builder().tls_certs_merge(authorities.iter().cloned()).build()?;
        Ok(Self { https, http: builder().no_proxy().build()? })
    }

    fn client_for(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "https" { &self.https } else { &self.http }
    }

    /// Sends a GET request and returns the body of a 200 response. Fails on any other status.
    pub(crate) async fn fetch(&self, url: &Url, plain_http: &PlainHttp) -> Result<Vec<u8>, FetchError> {
        let request = self.client_for(url).get(url.clone()).header(header::ACCEPT, "application/json");
        Ok(Self::send(request, url, plain_http).await?.body)
    }

    /// Sends a form and returns the body of a 200 response. Fails on any other status.
    pub(crate) async fn post(
        &self,
        url: &Url,
        plain_http: &PlainHttp,
        form: FormRequest,
    ) -> Result<FetchedBody, FetchError> {
        let FormRequest { accept, authorization, body } = form;
        let mut request = self
            .client_for(url)
            .post(url.clone())
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.expose_secret().to_owned());
        if let Some(field) = authorization {
            request = request.header(header::AUTHORIZATION, field.expose_secret());
        }
        Self::send(request, url, plain_http).await
    }

    /// Sends a request of openidconnect and returns its response. A 4xx response is returned too: it contains the OAuth error.
    pub(crate) async fn exchange(
        &self,
        request: openidconnect::HttpRequest,
        plain_http: &PlainHttp,
    ) -> Result<openidconnect::HttpResponse, FetchError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| FetchError::NoUrl)?;
        let request = self.client_for(&url).request(parts.method, url.clone()).headers(parts.headers).body(body);
        let mut response = Self::open(request, &url, plain_http).await?;
        let status = response.status();
        if !status.is_success() && !status.is_client_error() {
            return Err(FetchError::Status { url, status });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut result = openidconnect::HttpResponse::new(Self::read(response, &url).await?);
        *result.status_mut() = status;
        *result.headers_mut() = headers;
        Ok(result)
    }

    async fn send(request: RequestBuilder, url: &Url, plain_http: &PlainHttp) -> Result<FetchedBody, FetchError> {
        let response = Self::open(request, url, plain_http).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: url.clone(), status: response.status() });
        }
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        Ok(FetchedBody { media_type, body: Self::read(response, url).await? })
    }

    async fn open(request: RequestBuilder, url: &Url, plain_http: &PlainHttp) -> Result<Response, FetchError> {
        if !plain_http.is_fetchable(url) {
            return Err(FetchError::NotAllowed(url.clone()));
        }
        request.send().await.map_err(|error| FetchError::unreachable(url, error))
    }

    /// Reads the body. The size is counted while reading, because the Content-Length field is not reliable.
    async fn read(mut response: Response, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::unreachable(url, error))? {
            if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge(url.clone()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
