//! The private key for client authentication (`private_key_jwt`).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use chrono::{DateTime, Utc};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use uuid::Uuid;

use crate::jose::base64url;

/// The lifetime of an assertion: short, because it is sent at once.
const LIFETIME_SECONDS: i64 = 60;
const MIN_RSA_BITS: usize = 2_048;

/// A private key that signs client assertions. Its `Debug` output contains no key material.
#[derive(Clone)]
pub struct AssertionKey {
    pair: Arc<Pair>,
    key_id: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The text is not a private key of a supported algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a PEM file with one PKCS#8 private key: RSA of at least 2048 bits, P-256 or Ed25519")]
pub struct UnusableKey;

impl AssertionKey {
    /// Parses the key of a PEM text (`-----BEGIN PRIVATE KEY-----`). `key_id` becomes the assertions' `kid`, for issuers with several keys
    /// of this client.
    ///
    /// # Errors
    ///
    /// Returns [`UnusableKey`], which never contains the text, if there is no supported key.
    pub fn from_pem(pem: &str, key_id: Option<String>) -> Result<Self, UnusableKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| UnusableKey)?;
        let pair = Pair::from_pkcs8(der.secret_pkcs8_der()).ok_or(UnusableKey)?;
        Ok(Self { pair: Arc::new(pair), key_id })
    }

    /// Signs an assertion that authenticates `client_id` to `audience` (RFC 7523 section 3), valid for a minute and for one use.
    pub(super) fn assert(&self, client_id: &str, audience: &str, now: DateTime<Utc>) -> Result<String, Unspecified> {
        let mut header = json!({ "alg": self.pair.algorithm(), "typ": "JWT" });
        if let (Some(members), Some(key_id)) = (header.as_object_mut(), &self.key_id) {
            members.insert("kid".to_owned(), key_id.as_str().into());
        }
        let issued_at = now.timestamp();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": Uuid::now_v7().to_string(),
            "iat": issued_at, "exp": issued_at + LIFETIME_SECONDS,
        });
        let text = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(claims.to_string()));
        let signature = self.pair.sign(text.as_bytes())?;
        Ok(format!("{text}.{}", base64url::encode(signature)))
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey").field("algorithm", &self.pair.algorithm()).finish_non_exhaustive()
    }
}

impl Pair {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return (pair.public_modulus_len() * 8 >= MIN_RSA_BITS).then_some(Self::Rsa(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return Some(Self::P256(pair));
        }
        // OpenSSL writes the private key without the public key, which the stricter parser rejects.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Self::Ed25519)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(pair) => {
                let mut octets = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut octets)?;
                Ok(octets)
            }
            Self::P256(pair) => Ok(pair.sign(&SystemRandom::new(), text)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(text).as_ref().to_vec()),
        }
    }
}
