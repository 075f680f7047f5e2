//! The keys of an issuer as openidconnect uses them. They verify with aws-lc-rs, so openidconnect's own keys, which verify with the `rsa`
//! crate, are not used.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use openidconnect::core::{CoreGenderClaim, CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJweContentEncryptionAlgorithm};
use openidconnect::{
    EmptyAdditionalClaims, JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, JwsSigningAlgorithm,
    SignatureVerificationError,
};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::jose::Algorithm;
use crate::jose::jwk::VerificationKey;

/// An ID token, parsed but not verified.
pub(crate) type IdToken =
    openidconnect::IdToken<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;

/// The key that the issuer's key set has selected for the header of a token.
#[derive(Clone, Debug)]
pub(crate) struct IssuerKey {
    /// `None` for a shared secret: no algorithm uses one.
    key: Option<Arc<VerificationKey>>,
}

impl IssuerKey {
    pub(crate) fn new(key: Arc<VerificationKey>) -> Self {
        Self { key: Some(key) }
    }

    fn algorithm(&self) -> Option<Algorithm> {
        self.key.as_ref().map(|key| key.algorithm)
    }
}

/// The algorithms of this service are asymmetric, so a client secret never verifies a token.
impl JwsSigningAlgorithm for Algorithm {
    type KeyType = CoreJsonWebKeyType;

    fn key_type(&self) -> Option<CoreJsonWebKeyType> {
        Some(key_type(*self).clone())
    }

    fn uses_shared_secret(&self) -> bool {
        false
    }

    fn rsa_sha_256() -> Self {
        Self::Rs256
    }
}

fn key_type(algorithm: Algorithm) -> &'static CoreJsonWebKeyType {
    match algorithm {
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => &CoreJsonWebKeyType::RSA,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => &CoreJsonWebKeyType::EllipticCurve,
        Algorithm::EdDsa => &CoreJsonWebKeyType::OctetKeyPair,
    }
}

impl JsonWebKey for IssuerKey {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = Algorithm;

    /// The key set has selected the key.
    fn key_id(&self) -> Option<&JsonWebKeyId> {
        None
    }

    fn key_type(&self) -> &CoreJsonWebKeyType {
        self.algorithm().map_or(&CoreJsonWebKeyType::Symmetric, key_type)
    }

    /// The key set holds only keys for signatures.
    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        Some(&CoreJsonWebKeyUse::Signature)
    }

    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&Algorithm> {
        self.key.as_ref().map_or(JsonWebKeyAlgorithm::Unsupported, |key| JsonWebKeyAlgorithm::Algorithm(&key.algorithm))
    }

    fn new_symmetric(_: Vec<u8>) -> Self {
        Self { key: None }
    }

    fn verify_signature(
        &self,
        algorithm: &Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        // RFC 8725 section 3.1: a key is used with one algorithm.
        let key = self.key.as_ref().filter(|key| key.algorithm == *algorithm);
        let key = key.ok_or_else(|| SignatureVerificationError::InvalidKey("another algorithm".to_owned()))?;
        let is_valid = key.verifies(message, signature);
        is_valid.then_some(()).ok_or_else(|| SignatureVerificationError::CryptoError("invalid signature".to_owned()))
    }

    /// Hashes with the hash function of the algorithm (OIDC Core section 3.1.3.6), which for Ed25519 is SHA-512 (RFC 8032 section 5.1).
    fn hash_bytes(&self, bytes: &[u8], algorithm: &Algorithm) -> Result<Vec<u8>, String> {
        let hash = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &SHA256,
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &SHA384,
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 | Algorithm::EdDsa => &SHA512,
        };
        Ok(digest(hash, bytes).as_ref().to_vec())
    }
}

/// Refused: keys come from the issuer's key set, whose checks a JWK in another document would not have passed.
impl<'de> Deserialize<'de> for IssuerKey {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("keys come from the issuer's key set"))
    }
}

/// Refused: there is no use for it.
impl Serialize for IssuerKey {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("keys are published by their issuer"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::jwk::{KeyEntry, admit};
    use crate::jose::unique_json;
    use crate::oidc::testing::SigningKey;

    fn key(signing: &SigningKey) -> IssuerKey {
        let text = signing.public_jwk().to_string();
        let value = unique_json::Json::Object(unique_json::parse_object(text.as_bytes()).unwrap());
        let keys = admit(&KeyEntry { value, has_duplicates: false }, &[signing.algorithm]).unwrap();
        IssuerKey::new(Arc::clone(&keys[0]))
    }

    #[test]
    fn every_algorithm_is_verified_with_its_own_key_only() {
        for algorithm in Algorithm::DEFAULTS {
            let signing = SigningKey::generate(algorithm, "a");
            let (key, signature) = (key(&signing), signing.signature(b"text"));
            assert_eq!(key.verify_signature(&algorithm, b"text", &signature), Ok(()), "{algorithm}");
            assert!(key.verify_signature(&algorithm, b"another text", &signature).is_err(), "{algorithm}");
            let other = if algorithm == Algorithm::Es256 { Algorithm::Rs256 } else { Algorithm::Es256 };
            assert!(key.verify_signature(&other, b"text", &signature).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn shared_secret_verifies_nothing() {
        let secret = IssuerKey::new_symmetric(b"secret".to_vec());
        for algorithm in Algorithm::DEFAULTS {
            assert!(secret.verify_signature(&algorithm, b"text", b"").is_err(), "{algorithm}");
        }
    }

    #[test]
    fn key_of_another_document_is_rejected() {
        let jwk = SigningKey::generate(Algorithm::Es256, "a").public_jwk();
        assert!(serde_json::from_value::<IssuerKey>(jwk).is_err());
    }

    #[test]
    fn algorithms_are_named_as_in_jose() {
        for algorithm in Algorithm::DEFAULTS.into_iter().chain([Algorithm::Rs384, Algorithm::Ps512, Algorithm::Es512]) {
            assert_eq!(json!(algorithm), json!(algorithm.name()));
            assert_eq!(serde_json::from_value::<Algorithm>(json!(algorithm.name())).unwrap(), algorithm);
        }
        assert_eq!(serde_json::from_value::<Algorithm>(json!("Ed25519")).unwrap(), Algorithm::EdDsa);
        for name in ["none", "HS256", "rs256", "EDDSA"] {
            assert!(serde_json::from_value::<Algorithm>(json!(name)).is_err(), "{name}");
        }
    }
}
