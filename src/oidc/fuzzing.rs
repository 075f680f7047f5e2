//! What the fuzz targets reach of this room: see [`crate::fuzzing`] for what must hold.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::key_document::KeyDocument;
use super::{
    Algorithm, IntrospectionClient, IssuerSettings, KeySet, KeySetStore, ProviderClient, StoreError, StoredKeySet,
    TokenVerifier, TrustedIssuers, introspection, strict_json,
};
use crate::Clock;

pub(crate) fn unique_json(text: &[u8]) -> Option<Value> {
    serde_json::to_value(strict_json::parse_object(text)?).ok()
}

pub(crate) fn key_set(document: &str) -> Vec<(Option<String>, &'static str)> {
    let keys = KeyDocument::parse(document, &Algorithm::DEFAULTS).map(|document| document.keys).unwrap_or_default();
    keys.iter().map(|key| (key.key_id.clone(), key.algorithm.name())).collect()
}

/// What a token was admitted as.
#[derive(PartialEq, Eq)]
pub struct Admitted {
    /// The issuer's canonical name.
    pub issuer: String,
    /// The subject.
    pub subject: String,
}

/// The verifier of the guard, with the keys from its settings.
pub struct Verifier {
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

    /// Proves a token that was not seen before.
    pub fn admits(&self, token: &str) -> Option<Admitted> {
        let claims = self.runtime.block_on(self.verifier.prove(token, None)).ok()?;
        Some(Admitted { issuer: claims.issuer().to_owned(), subject: claims.subject().to_owned() })
    }

    /// Whether this text is known as a proved token.
    pub fn recalls(&self, presented: &[u8]) -> bool {
        self.verifier.cached(presented, self.clock.microseconds()).is_some()
    }
}

/// The keys of one issuer.
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

    /// The members of an answer about a token, as an issuer gives it: `Some(None)` for a token that is not active, `None` where the
    /// answer is refused.
    ///
    /// Oracle: a plain answer is taken exactly where it is one strict object whose `active` is a boolean; a signed one only where its
    /// JWT says issuer, client and this minute.
    pub fn introspection_answer(&self, media_type: &str, body: &[u8], client_id: &str) -> Option<Option<Value>> {
        let Self { settings, keys, clock, runtime } = self;
        let answer = introspection::read_answer(media_type, body, settings, client_id, keys, clock.now());
        let answer = runtime.block_on(answer)?;
        Some(answer.map(|members| serde_json::to_value(members).unwrap_or_default()))
    }
}

/// Keeps nothing.
struct NoStore;

impl KeySetStore for NoStore {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        ready(Ok(None)).boxed()
    }

    fn save<'a>(&'a self, _: &'a str, _: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
