//! Asking an issuer about a token (RFC 7662): what a token that says nothing itself means, or whether one that does is still good.
//!
//! An answer counts only if it is a clean 200; anything else means that the token could not be judged, which is never its bearer's
//! fault. At most 32 questions are open at once, one per token, and answers are remembered for a minute at the most. What the answer
//! says of the token is judged by the verifier, as the claims of a JWT are.

mod answer;
mod assertion_key;
mod cache;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod request;
mod settings;

pub use assertion_key::AssertionKey;
#[cfg(feature = "fuzzing")]
pub(super) use fuzzing::read_answer;
pub use settings::{ClientCredential, IntrospectionSettings};

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use super::fetch::{FETCH_TIMEOUT, FetchError};
use super::provider::{Provider, ProviderError};
use super::strict_json::Object;
use super::{Algorithm, IssuerSettings, KeySet, PlainHttp, ProviderClient, Rejection};
use crate::Clock;
use crate::finds::MemoryReading;

use answer::{BadAnswer, Expected};
use cache::VerdictCache;

/// How many questions to one issuer are open at once.
const MAX_IN_FLIGHT: usize = 32;

/// Asks one issuer about tokens.
pub struct Introspector {
    settings: IntrospectionSettings,
    issuer: String,
    algorithms: Vec<Algorithm>,
    plain_http: PlainHttp,
    keys: KeySet,
    provider: Provider,
    client: ProviderClient,
    clock: Clock,
    endpoint: OnceCell<Url>,
    in_flight: Semaphore,
    cache: VerdictCache,
}

/// Why an issuer could not be asked. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
enum IntrospectionError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Answer(#[from] BadAnswer),
    #[error("{MAX_IN_FLIGHT} questions to the issuer are open and none was answered")]
    Busy,
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

    /// Who asks the issuer of `settings`, whose signed answers `keys` verify; `None` where it is not to be asked.
    pub(super) fn introspector(&self, settings: &IssuerSettings, keys: &KeySet) -> Option<Introspector> {
        let client = settings.client(&self.client);
        Some(Introspector {
            settings: settings.introspection.clone()?,
            issuer: settings.issuer.clone(),
            algorithms: settings.algorithms.clone(),
            plain_http: settings.plain_http.clone(),
            keys: keys.clone(),
            provider: Provider::new(settings, client.clone()),
            client,
            clock: self.clock.clone(),
            endpoint: OnceCell::new(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            cache: VerdictCache::new(self.hash_key.clone()),
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
    /// the issuer could not be asked.
    pub(super) async fn ask(&self, token: &str) -> Result<Arc<Object<'static>>, Rejection> {
        let now = self.clock.now();
        let answer = async {
            match self.ask_now(token).await {
                Ok(Some(claims)) => Ok(Arc::new(claims)),
                Ok(None) => Err(Rejection::NotActive),
                Err(error) => {
                    tracing::warn!(issuer = self.issuer, %error, "an issuer could not be asked about a token");
                    Err(Rejection::IntrospectionUnavailable)
                }
            }
        };
        self.cache.get_or_ask(token, now, answer).await
    }

    async fn ask_now(&self, token: &str) -> Result<Option<Object<'static>>, IntrospectionError> {
        let _permit = tokio::time::timeout(FETCH_TIMEOUT, self.in_flight.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(IntrospectionError::Busy)?;
        let url = self.endpoint().await?;
        let request = request::build(&self.settings, token, &self.issuer, self.clock.now())?;
        let answer = self.client.post(url, &self.plain_http, request).await?;
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.settings.client_id,
            algorithms: &self.algorithms,
            keys: &self.keys,
            now: self.clock.now(),
        };
        Ok(answer::read(&answer.media_type, &answer.body, &expected).await?)
    }

    /// Where to ask: as configured, or as the metadata says, which is read once.
    pub(super) async fn endpoint(&self) -> Result<&Url, ProviderError> {
        match &self.settings.url {
            Some(url) => Ok(url),
            None => self.endpoint.get_or_try_init(|| self.provider.introspection_endpoint()).await,
        }
    }
}

#[cfg(test)]
mod tests;
