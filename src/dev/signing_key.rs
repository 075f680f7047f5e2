//! Keys that sign tokens, over aws-lc-rs.
//!
//! A key is used with one algorithm only (RFC 8725 section 3.1) and is kept in memory. Only its public half can be exported.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use openidconnect::core::{CoreJsonCurveType, CoreJsonWebKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey, SigningError};
use serde_json::{Value, json};

/// How many bytes of the hash of the public half form the key id.
const KEY_ID_BYTES: usize = 12;

/// The JWS algorithms that the issuer signs with (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, over a key of 2,048 bits. The default of OpenID Connect, and of the issuer.
    Rs256,
    /// RSASSA-PSS with SHA-256, over a key of 2,048 bits.
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All algorithms. The issuer publishes a key for each.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The value of `alg` in a JWS header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) const fn to_jws(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            Self::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::Es384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            Self::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

/// A private key and its algorithm. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    id: String,
    pair: Arc<Pair>,
}

/// The key material, by signature format.
enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Generates a new key. An RSA key takes about a quarter of a second, others almost no time.
    ///
    /// # Panics
    ///
    /// If the machine lacks the randomness or memory to generate a key.
    pub fn generate(algorithm: Algorithm) -> Self {
        let pair = Pair::generate(algorithm).expect("aws-lc generates keys of a fixed, supported kind");
        let fingerprint = digest(&SHA256, pair.public_key());
        let id = fingerprint.as_ref().iter().copied().take(KEY_ID_BYTES).collect::<Vec<u8>>();
        Self { algorithm, id: BASE64_URL_SAFE_NO_PAD.encode(id), pair: Arc::new(pair) }
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id (`kid`), derived from a hash of the public half.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half as the issuer publishes it: a JWK (RFC 7517) with `alg`, `kid` and `use`.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(self.as_verification_key()).expect("a JWK is plain JSON");
        if let Some(members) = jwk.as_object_mut() {
            // openidconnect's type reads `alg` but cannot set it.
            members.insert("alg".to_owned(), json!(self.algorithm.name()));
        }
        jwk
    }

    /// Signs `message`. The signature has the format of a JWS (RFC 7518 section 3).
    ///
    /// # Panics
    ///
    /// If the machine is out of memory.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).expect("a generated key can sign")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Pair {
    fn generate(algorithm: Algorithm) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let rsa = |padding| RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Self::Rsa(pair, padding));
        let ecdsa = |curve: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::generate(curve).map(Self::Ecdsa);
        match algorithm {
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Self::Ed25519),
        }
    }

    /// The public half: DER for RSA, an uncompressed point for ECDSA, 32 bytes for Ed25519.
    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair, _) => pair.public_key().as_ref(),
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        match self {
            Self::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

/// Lets openidconnect sign ID tokens with this key. Its own private keys would use the `rsa` crate for private-key operations
/// (RUSTSEC-2023-0071).
impl PrivateSigningKey for SigningKey {
    type VerificationKey = CoreJsonWebKey;

    fn sign(&self, algorithm: &CoreJwsSigningAlgorithm, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        if *algorithm != self.algorithm.to_jws() {
            return Err(SigningError::UnsupportedAlg(format!("{algorithm:?}")));
        }
        self.pair.sign(message).map_err(|_| SigningError::CryptoError)
    }

    fn as_verification_key(&self) -> CoreJsonWebKey {
        let id = Some(JsonWebKeyId::new(self.id.clone()));
        match self.pair.as_ref() {
            Pair::Rsa(pair, _) => {
                let public = pair.public_key();
                let big_endian =
                    |number: aws_lc_rs::io::Positive<'_>| number.big_endian_without_leading_zero().to_vec();
                CoreJsonWebKey::new_rsa(big_endian(public.modulus()), big_endian(public.exponent()), id)
            }
            Pair::Ecdsa(pair) => {
                let (x, y) = coordinates(pair.public_key().as_ref());
                CoreJsonWebKey::new_ec(x, y, self.algorithm.curve(), id)
            }
            Pair::Ed25519(pair) => {
                CoreJsonWebKey::new_okp(pair.public_key().as_ref().to_vec(), self.algorithm.curve(), id)
            }
        }
    }
}

impl Algorithm {
    fn curve(self) -> CoreJsonCurveType {
        match self {
            Self::Es256 => CoreJsonCurveType::P256,
            Self::Es384 => CoreJsonCurveType::P384,
            _ => CoreJsonCurveType::Ed25519,
        }
    }
}

/// The coordinates of an uncompressed point: a byte 4, then x and y of equal length (SEC 1 section 2.3.3).
fn coordinates(point: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (_, both) = point.split_at(1);
    let (x, y) = both.split_at(both.len() / 2);
    (x.to_vec(), y.to_vec())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{DecodingKey, crypto};
    use openidconnect::JsonWebKey;

    use super::*;

    #[test]
    fn signatures_are_accepted_by_openidconnect_and_jsonwebtoken() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm);
            let signature = key.sign(b"message");
            key.as_verification_key().verify_signature(&algorithm.to_jws(), b"message", &signature).unwrap();
            let jwk: Jwk = serde_json::from_value(key.public_jwk()).unwrap();
            let verifier = DecodingKey::from_jwk(&jwk).unwrap();
            let encoded = BASE64_URL_SAFE_NO_PAD.encode(&signature);
            let named = algorithm.name().parse().unwrap();
            assert!(crypto::verify(&encoded, b"message", &verifier, named).unwrap(), "{algorithm:?}");
            assert!(!crypto::verify(&encoded, b"massage", &verifier, named).unwrap(), "{algorithm:?}");
        }
    }

    #[test]
    fn key_refuses_to_sign_with_another_algorithm() {
        let key = SigningKey::generate(Algorithm::Es256);
        let other = Algorithm::Rs256.to_jws();
        assert!(matches!(PrivateSigningKey::sign(&key, &other, b"message"), Err(SigningError::UnsupportedAlg(_))));
    }

    #[test]
    fn public_jwk_has_no_private_member() {
        for algorithm in Algorithm::ALL {
            let jwk = SigningKey::generate(algorithm).public_jwk();
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert_eq!(jwk.get(private), None, "{algorithm:?}");
            }
            assert_eq!(jwk["alg"], algorithm.name());
            assert_eq!(jwk["use"], "sig");
        }
    }
}
