//! Asking a provider: bounded in time and size, without redirects, and only at places that may be asked.

use std::time::Duration;

use reqwest::{Certificate, RequestBuilder, Response, StatusCode, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::PlainHttp;
use crate::error_chain::error_chain;

/// The longest document that is read.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one answer may take, from the connection to the last byte.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The HTTP client for identity providers. Cheap to clone; clones share what they need for TLS.
#[derive(Clone, Debug)]
pub struct ProviderClient {
    https: reqwest::Client,
    /// For plain http, which is spoken to this machine and to hosts inside the network alone: a proxy would be a third party that could
    /// change what it passes on.
    http: reqwest::Client,
}

/// A form to post. Its `Debug` prints no secret.
#[derive(Debug)]
pub(super) struct FormRequest {
    pub(super) accept: &'static str,
    /// The whole Authorization field.
    pub(super) authorization: Option<SecretString>,
    /// The fields, form-encoded.
    pub(super) body: SecretString,
}

/// A 200 answer.
pub(super) struct FetchedBody {
    /// As the Content-Type field says; empty where there is none.
    pub(super) media_type: String,
    pub(super) body: Vec<u8>,
}

/// Why a document could not be had. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0} may not be fetched: it must be https, or its host and port must be listed as allowed over plain http")]
    NotAllowed(Url),
    #[error("a request has no URL to be sent to")]
    NoUrl,
    #[error("{url} answered {status}{}", advice(*status))]
    Status { url: Url, status: StatusCode },
    #[error("{0} answered more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge(Url),
    #[error("{url} could not be reached: {cause}")]
    Unreachable { url: Url, cause: String },
}

/// What to do about an answer that is not 200.
fn advice(status: StatusCode) -> &'static str {
    if status.is_redirection() {
        ", and redirects are not followed: configure the address that it leads to"
    } else if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        ": check that this service may ask there, and with which credentials"
    } else if status == StatusCode::NOT_FOUND {
        ": check the address"
    } else {
        ""
    }
}

impl FetchError {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::NOT_FOUND, .. })
    }

    fn unreachable(url: &Url, error: reqwest::Error) -> Self {
        Self::Unreachable { url: url.clone(), cause: error_chain(&error.without_url()) }
    }
}

impl ProviderClient {
    /// A client that follows no redirect and waits at most two seconds for a connection and five for an answer.
    ///
    /// Fails where TLS cannot be set up, for example for want of root certificates.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::trusting(&[])
    }

    /// A client to which these authorities are as good as the system's.
    pub(super) fn trusting(authorities: &[Certificate]) -> Result<Self, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(FETCH_TIMEOUT)
                // Fetches are minutes apart: a connection kept open would be found closed.
                .pool_max_idle_per_host(0)
        };
        let https = builder().tls_certs_merge(authorities.iter().cloned()).build()?;
        Ok(Self { https, http: builder().no_proxy().build()? })
    }

    fn client_for(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "https" { &self.https } else { &self.http }
    }

    /// The body of a 200 answer to a GET.
    pub(super) async fn fetch(&self, url: &Url, plain_http: &PlainHttp) -> Result<Vec<u8>, FetchError> {
        let request = self.client_for(url).get(url.clone()).header(header::ACCEPT, "application/json");
        Ok(Self::send(request, url, plain_http).await?.body)
    }

    /// The 200 answer to a form.
    pub(super) async fn post(
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

    /// The answer to a request of the `oauth2` crate. A refusal (4xx) is an answer: it says what is wrong with the grant.
    pub(super) async fn exchange(
        &self,
        request: oauth2::HttpRequest,
        plain_http: &PlainHttp,
    ) -> Result<oauth2::HttpResponse, FetchError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| FetchError::NoUrl)?;
        let request = self.client_for(&url).request(parts.method, url.clone()).headers(parts.headers).body(body);
        let mut response = Self::open(request, &url, plain_http).await?;
        let status = response.status();
        if !status.is_success() && !status.is_client_error() {
            return Err(FetchError::Status { url, status });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut answer = oauth2::HttpResponse::new(Self::read(response, &url).await?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
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

    /// The length of the answer is counted as it is read: a Content-Length proves nothing.
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
