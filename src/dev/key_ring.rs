//! The keys that the issuer signs with and publishes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use openidconnect::PrivateSigningKey;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::{Value, json};

use super::signing_key::{Algorithm, SigningKey};

/// The first RSA keys of this process. Generating them takes half a second, the rest of the startup a millisecond. A test suite starts one
/// issuer per test, so all issuers of a process start with the same two keys. Rotation generates new ones.
static FIRST_RS256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256));
static FIRST_PS256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Ps256));

/// One current key per algorithm, and the old keys that are still published. Clones share the same keys.
#[derive(Clone)]
pub(super) struct KeyRing(Arc<Mutex<Keys>>);

struct Keys {
    current: BTreeMap<Algorithm, SigningKey>,
    old: Vec<SigningKey>,
}

impl KeyRing {
    pub(super) fn new() -> Self {
        let current = Algorithm::ALL.into_iter().map(|algorithm| (algorithm, first_key(algorithm))).collect();
        Self(Arc::new(Mutex::new(Keys { current, old: Vec::new() })))
    }

    pub(super) fn current(&self, algorithm: Algorithm) -> SigningKey {
        self.keys().current.entry(algorithm).or_insert_with(|| SigningKey::generate(algorithm)).clone()
    }

    /// Generates a new current key. The previous key stays published.
    pub(super) fn rotate(&self, algorithm: Algorithm) {
        let new = SigningKey::generate(algorithm);
        let mut keys = self.keys();
        let previous = keys.current.insert(algorithm, new);
        keys.old.extend(previous);
    }

    pub(super) fn withdraw_old(&self) {
        self.keys().old.clear();
    }

    /// The published document (RFC 7517 section 5).
    pub(super) fn document(&self) -> Value {
        let keys = self.keys();
        let published: Vec<Value> = keys.current.values().chain(&keys.old).map(SigningKey::public_jwk).collect();
        json!({ "keys": published })
    }

    /// The published keys, to verify tokens that are sent back to the issuer.
    pub(super) fn verification_keys(&self) -> CoreJsonWebKeySet {
        let keys = self.keys();
        CoreJsonWebKeySet::new(
            keys.current.values().chain(&keys.old).map(PrivateSigningKey::as_verification_key).collect(),
        )
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        // No critical section leaves the keys half changed, so a poisoned lock is harmless.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_key(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::Rs256 => FIRST_RS256.clone(),
        Algorithm::Ps256 => FIRST_PS256.clone(),
        _ => SigningKey::generate(algorithm),
    }
}
