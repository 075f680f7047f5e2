//! Entry points of this module for the fuzz targets: see [`crate::fuzzing`] for the properties.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::keys::key_document::KeyDocument;
use super::{
    Claims, IntrospectionClient, IssuerSettings, KeySet, KeySetStore, ProviderClient, StoreError, StoredKeySet,
    TokenVerifier, TrustedIssuers, VerifiedToken, introspection,
};
use crate::Clock;
use crate::jose::{Algorithm, unique_json};

pub(crate) fn unique_json(text: &[u8]) -> Option<Value> {
    serde_json::to_value(unique_json::parse_object(text)?).ok()
}

pub(crate) fn key_set(document: &str) -> Vec<(Option<String>, &'static str)> {
    let keys = KeyDocument::parse(document, &Algorithm::DEFAULTS).map(|document| document.keys).unwrap_or_default();
    keys.iter().map(|key| (key.key_id.clone(), key.algorithm.name())).collect()
}

/// The identity in an accepted token.
#[derive(PartialEq, Eq)]
pub struct Admitted {
    /// The issuer's canonical name.
    pub issuer: String,
    /// The subject.
    pub subject: String,
}

impl Admitted {
    pub(crate) fn by(claims: &Claims) -> Self {
        Self { issuer: claims.issuer().to_owned(), subject: claims.subject().to_owned() }
    }
}

/// The guard's verifier, with the static keys of its settings.
pub(crate) struct Verifier {
    verifier: TokenVerifier,
    clock: Clock,
    runtime: Runtime,
}

impl Verifier {
    pub(crate) fn start(issuers: Vec<IssuerSettings>, clock: Clock) -> Option<Self> {
        let (runtime, client) = (Builder::new_current_thread().enable_all().build().ok()?, ProviderClient::new().ok()?);
        let introspection = IntrospectionClient::new(client.clone(), clock.clone()).ok()?;
        let issuers = runtime.block_on(async {
            let mut started = Vec::new();
            for settings in issuers {
                let keys = KeySet::start(&settings, client.clone(), Arc::new(NoStore), clock.clone());
                keys.settle().await;
                started.push((settings, keys));
            }
            TrustedIssuers::new(started, introspection)
        });
        Some(Self { verifier: TokenVerifier::new(issuers, clock.clone()), clock, runtime })
    }

    /// Verifies a token, and returns it with its validity if it is accepted.
    pub(crate) fn prove(&self, token: &str) -> Option<VerifiedToken> {
        self.runtime.block_on(self.verifier.prove(token, None)).ok()
    }

    /// The time, in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.microseconds()
    }
}

/// The key set of one issuer.
pub struct Keys {
    settings: IssuerSettings,
    keys: KeySet,
    clock: Clock,
    runtime: Runtime,
}

impl Keys {
    pub(crate) fn start(settings: IssuerSettings, clock: Clock) -> Option<Self> {
        let (runtime, client) = (Builder::new_current_thread().enable_all().build().ok()?, ProviderClient::new().ok()?);
        let keys = runtime.block_on(async {
            let keys = KeySet::start(&settings, client, Arc::new(NoStore), clock.clone());
            keys.settle().await;
            keys
        });
        Some(Self { settings, keys, clock, runtime })
    }

    /// Returns the members of an introspection response: `Some(None)` for an inactive token, `None` if the response is rejected.
    ///
    /// Oracle: a plain response is accepted if and only if it is one strict object with a boolean `active`; a signed one only if its JWT
    /// names this issuer and this client and was issued within a minute.
    pub fn introspection_answer(&self, media_type: &str, body: &[u8], client_id: &str) -> Option<Option<Value>> {
        let Self { settings, keys, clock, runtime } = self;
        let response = introspection::read_response(media_type, body, settings, client_id, keys, clock.now());
        let response = runtime.block_on(response)?;
        Some(response.map(|members| serde_json::to_value(members).unwrap_or_default()))
    }
}

/// A store that discards everything.
struct NoStore;

impl KeySetStore for NoStore {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        ready(Ok(None)).boxed()
    }

    fn save<'a>(&'a self, _: &'a str, _: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
