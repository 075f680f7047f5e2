//! Token introspection (RFC 7662): the claims of an opaque token, or whether a JWT is still active.
//!
//! Only a well-formed 200 response is accepted. Any other outcome means that the token could not be checked, which counts as an outage
//! and not as an invalid token. At most 32 requests to an issuer are in flight, one per token, and their permits are divided so that no
//! client address starves the others (`places`). Responses are cached for a minute at most (`cache`). No caller waits longer than the
//! time limit of one request. The verifier checks the claims of a response like those of a JWT.

mod answer;
mod assertion_key;
mod cache;
mod error;
#[cfg(feature = "fuzzing")]
mod fuzzing;
pub(crate) mod opaque;
mod places;
mod request;
mod settings;

pub use assertion_key::AssertionKey;
#[cfg(feature = "fuzzing")]
pub(super) use fuzzing::read_response;
pub use settings::{ClientCredential, IntrospectionSettings};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::keys::discovered::Discovered;
use super::keys::discovery::{Provider, ProviderError};
use super::keys::fetch::FETCH_TIMEOUT;
use super::{IssuerSettings, KeySet, PlainHttp, ProviderClient, Rejection};
use crate::Clock;
use crate::cache::hit_counter::MemoryReading;
use crate::jose::Algorithm;
use crate::jose::unique_json::Object;

use answer::Expected;
use cache::VerdictCache;
use error::IntrospectionError;
use places::RequestPermits;

/// The introspection client of one issuer.
pub struct Introspector {
    settings: IntrospectionSettings,
    issuer: String,
    algorithms: Vec<Algorithm>,
    plain_http: PlainHttp,
    keys: KeySet,
    client: ProviderClient,
    clock: Clock,
    endpoint: Discovered<Url>,
    permits: RequestPermits,
    cache: VerdictCache,
    /// The time limit of a caller: for the permit, the endpoint and the response together.
    limit: Duration,
}

/// The parts that the introspection of all issuers shares. Cheap to clone.
#[derive(Clone)]
pub struct IntrospectionClient {
    client: ProviderClient,
    clock: Clock,
    hash_key: hmac::Key,
}

impl IntrospectionClient {
    /// Creates an introspection client that sends its requests with `client`.
    ///
    /// # Errors
    ///
    /// Fails if the system has no random source. A predictable hash key would allow cached tokens to collide.
    pub fn new(client: ProviderClient, clock: Clock) -> Result<Self, Unspecified> {
        let hash_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(Self { client, clock, hash_key })
    }

    /// Returns the introspector for the issuer of `settings`, whose signed responses `keys` verify; `None` if introspection is not
    /// configured.
    pub(super) fn introspector(&self, settings: &IssuerSettings, keys: &KeySet) -> Option<Introspector> {
        let client = settings.client(&self.client);
        let provider = Provider::new(settings, client.clone());
        Some(Introspector {
            settings: settings.introspection.clone()?,
            issuer: settings.issuer.clone(),
            algorithms: settings.algorithms.clone(),
            plain_http: settings.plain_http.clone(),
            keys: keys.clone(),
            client,
            clock: self.clock.clone(),
            endpoint: Discovered::new(provider, self.clock.clone(), read_endpoint),
            permits: RequestPermits::new(),
            cache: VerdictCache::new(self.hash_key.clone()),
            limit: FETCH_TIMEOUT,
        })
    }
}

impl Introspector {
    /// Returns the introspection settings of the issuer.
    pub(super) fn settings(&self) -> &IntrospectionSettings {
        &self.settings
    }

    /// Returns the counters of the cache.
    pub(super) fn memory(&self) -> MemoryReading {
        self.cache.reading()
    }

    /// Returns the claims of the active `token`, which are not checked yet. Fails if the token is not active or introspection fails.
    /// `sender` is the client address of the request, if known.
    pub(super) async fn ask(&self, token: &str, sender: Option<IpAddr>) -> Result<Arc<Object<'static>>, Rejection> {
        let (now, deadline) = (self.clock.now(), Instant::now() + self.limit);
        let ask = async |was_active| match self.ask_issuer(token, sender, was_active, deadline).await {
            Ok(Some(claims)) => Ok(Arc::new(claims)),
            Ok(None) => Err(Rejection::NotActive),
            Err(error) => {
                tracing::warn!(issuer = self.issuer, %error, "token introspection failed");
                Err(Rejection::IntrospectionUnavailable)
            }
        };
        self.cache.get_or_ask(token, now, deadline, ask).await
    }

    async fn ask_issuer(
        &self,
        token: &str,
        sender: Option<IpAddr>,
        was_active: bool,
        deadline: Instant,
    ) -> Result<Option<Object<'static>>, IntrospectionError> {
        let permit = timeout_at(deadline, self.permits.acquire(sender, was_active)).await;
        let _permit = permit.ok().and_then(Result::ok).ok_or(IntrospectionError::Busy)?;
        timeout_at(deadline, self.send_request(token)).await.map_err(|_| IntrospectionError::TooSlow(self.limit))?
    }

    async fn send_request(&self, token: &str) -> Result<Option<Object<'static>>, IntrospectionError> {
        let url = self.endpoint().await?;
        let request = request::build(&self.settings, token, &self.issuer, self.clock.now())?;
        let response = self.client.post(&url, &self.plain_http, request).await?;
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.settings.client_id,
            algorithms: &self.algorithms,
            keys: &self.keys,
            now: self.clock.now(),
        };
        Ok(answer::read(&response.media_type, &response.body, &expected).await?)
    }

    /// Returns the introspection endpoint: the configured one, or that of the metadata.
    pub(super) async fn endpoint(&self) -> Result<Arc<Url>, Arc<ProviderError>> {
        match &self.settings.url {
            Some(url) => Ok(Arc::new(url.clone())),
            None => self.endpoint.get().await,
        }
    }
}

fn read_endpoint(provider: Arc<Provider>) -> BoxFuture<'static, Result<Url, ProviderError>> {
    async move { provider.introspection_endpoint().await }.boxed()
}

#[cfg(test)]
mod tests;
