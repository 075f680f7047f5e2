//! Asking an issuer about a token (RFC 7662): what a token that says nothing itself means, or whether one that does is still good.
//!
//! An answer counts only if it is a clean 200; anything else means that the token could not be judged, which is never its bearer's
//! fault. At most 32 questions are open at once, one per token, and divided so that no client address takes the places of the others
//! (`places`); answers are remembered for a minute at the most (`cache`). No caller waits longer than one question may take. What the
//! answer says of the token is judged by the verifier, as the claims of a JWT are.

mod answer;
mod assertion_key;
mod cache;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod places;
mod request;
mod settings;

pub use assertion_key::AssertionKey;
#[cfg(feature = "fuzzing")]
pub(super) use fuzzing::read_answer;
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

use super::discovered::Discovered;
use super::fetch::{FETCH_TIMEOUT, FetchError};
use super::provider::{Provider, ProviderError};
use super::strict_json::Object;
use super::{Algorithm, IssuerSettings, KeySet, PlainHttp, ProviderClient, Rejection};
use crate::Clock;
use crate::hit_counter::MemoryReading;

use answer::{BadAnswer, Expected};
use cache::VerdictCache;
use places::{MAX_OPEN, QuestionPermits};

/// Asks one issuer about tokens.
pub struct Introspector {
    settings: IntrospectionSettings,
    issuer: String,
    algorithms: Vec<Algorithm>,
    plain_http: PlainHttp,
    keys: KeySet,
    client: ProviderClient,
    clock: Clock,
    endpoint: Discovered<Url>,
    places: QuestionPermits,
    cache: VerdictCache,
    /// How long a caller waits at the most: for a place, for the endpoint and for the answer.
    limit: Duration,
}

/// Why an issuer could not be asked. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
enum IntrospectionError {
    #[error(transparent)]
    Provider(#[from] Arc<ProviderError>),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Answer(#[from] BadAnswer),
    #[error("of the {MAX_OPEN} questions that may be open none that this one could follow was answered in time")]
    Busy,
    #[error("the issuer did not answer within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("the key of the client could not sign")]
    Signing,
}

/// What it takes to ask issuers. Cheap to clone.
#[derive(Clone)]
pub struct IntrospectionClient {
    client: ProviderClient,
    clock: Clock,
    hash_key: hmac::Key,
}

impl IntrospectionClient {
    /// A client that asks by way of `client`.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness, without which remembered tokens would not be safe from each other.
    pub fn new(client: ProviderClient, clock: Clock) -> Result<Self, Unspecified> {
        let hash_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(Self { client, clock, hash_key })
    }

    /// The client that issuers are asked by.
    pub(super) fn provider_client(&self) -> &ProviderClient {
        &self.client
    }

    /// The clock that answers are judged by.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Who asks the issuer of `settings`, whose signed answers `keys` verify; `None` where it is not to be asked.
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
            places: QuestionPermits::new(),
            cache: VerdictCache::new(self.hash_key.clone()),
            limit: FETCH_TIMEOUT,
        })
    }
}

impl Introspector {
    /// How and about which tokens the issuer is asked.
    pub(super) fn settings(&self) -> &IntrospectionSettings {
        &self.settings
    }

    /// How the memory of its answers stands.
    pub(super) fn memory(&self) -> MemoryReading {
        self.cache.reading()
    }

    /// What the issuer says of `token`, which is active; its members are as yet unjudged. Refused where it is not active, and where
    /// the issuer could not be asked. `sender` is the client address that the token came from, where that is known.
    pub(super) async fn ask(&self, token: &str, sender: Option<IpAddr>) -> Result<Arc<Object<'static>>, Rejection> {
        let (now, deadline) = (self.clock.now(), Instant::now() + self.limit);
        let ask = async |was_active| match self.ask_now(token, sender, was_active, deadline).await {
            Ok(Some(claims)) => Ok(Arc::new(claims)),
            Ok(None) => Err(Rejection::NotActive),
            Err(error) => {
                tracing::warn!(issuer = self.issuer, %error, "an issuer could not be asked about a token");
                Err(Rejection::IntrospectionUnavailable)
            }
        };
        self.cache.get_or_ask(token, now, deadline, ask).await
    }

    async fn ask_now(
        &self,
        token: &str,
        sender: Option<IpAddr>,
        was_active: bool,
        deadline: Instant,
    ) -> Result<Option<Object<'static>>, IntrospectionError> {
        let place = timeout_at(deadline, self.places.take(sender, was_active)).await;
        let _place = place.ok().and_then(Result::ok).ok_or(IntrospectionError::Busy)?;
        timeout_at(deadline, self.question(token)).await.map_err(|_| IntrospectionError::TooSlow(self.limit))?
    }

    async fn question(&self, token: &str) -> Result<Option<Object<'static>>, IntrospectionError> {
        let url = self.endpoint().await?;
        let request = request::build(&self.settings, token, &self.issuer, self.clock.now())?;
        let answer = self.client.post(&url, &self.plain_http, request).await?;
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.settings.client_id,
            algorithms: &self.algorithms,
            keys: &self.keys,
            now: self.clock.now(),
        };
        Ok(answer::read(&answer.media_type, &answer.body, &expected).await?)
    }

    /// Where to ask: as configured, or as the metadata says.
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
