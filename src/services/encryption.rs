//! Encryption of values that are stored where others could read or swap them, with AES-256-GCM.
//!
//! Each context has its own key, derived from the configured secret by HKDF (RFC 5869). With random nonces one AES-GCM key may encrypt 2^32
//! texts (NIST SP 800-38D section 8.3). No context comes near that: each session has its own contexts, and values that any client can
//! have encrypted at will have one context per day ([`of_day`]).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::Failure;

/// Separates these keys from those of other uses of the same secret, and of other versions of this one.
const SALT: &[u8] = b"portcullis sealing key v1";
/// AES-256.
const KEY_BYTES: usize = 32;

/// Encrypts with the first key, and decrypts with any of them.
pub(super) struct Encryptor(Vec<Prk>);

/// The length of a derived key.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Encryptor {
    /// An encryptor with secrets of 32 bytes, the newest first.
    pub(super) fn new(secrets: &[SecretSlice<u8>]) -> Self {
        let salt = Salt::new(HKDF_SHA256, SALT);
        Self(secrets.iter().map(|secret| salt.extract(secret.expose_secret())).collect())
    }

    /// Encrypts `secret` for this context; it does not decrypt in another one. Fails with [`Failure::NoRandomness`] without a key or
    /// randomness.
    pub(super) fn encrypt(&self, context: &str, secret: &str) -> Result<String, Failure> {
        let key = self.0.first().and_then(|master| derive(master, context)).ok_or(Failure::NoRandomness)?;
        let mut encrypted = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut encrypted);
        let nonce = nonce.map_err(|_| Failure::NoRandomness)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &encrypted].concat()))
    }

    /// Decrypts a value of this context; `None` if it was encrypted for another context or under an unknown key.
    pub(super) fn decrypt(&self, context: &str, encrypted: &str) -> Option<SecretString> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encrypted).ok()?;
        let (nonce, encrypted) = bytes.split_at_checked(NONCE_LEN)?;
        let decrypt_with = |master: &Prk| {
            let (key, nonce) = (derive(master, context)?, Nonce::try_assume_unique_for_key(nonce).ok()?);
            let mut decrypted = encrypted.to_vec();
            let decrypted = key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut decrypted).ok()?;
            std::str::from_utf8(decrypted).ok().map(SecretString::from)
        };
        self.0.iter().find_map(decrypt_with)
    }

    /// As [`encrypt`](Self::encrypt), for values that any client can have encrypted and that are used within a day.
    pub(super) fn encrypt_for_hours(&self, context: &str, secret: &str, now: DateTime<Utc>) -> Result<String, Failure> {
        self.encrypt(&of_day(context, now), secret)
    }

    /// Decrypts a value of [`encrypt_for_hours`](Self::encrypt_for_hours) from today or yesterday.
    pub(super) fn decrypt_of_hours(&self, context: &str, encrypted: &str, now: DateTime<Utc>) -> Option<SecretString> {
        let yesterday = || self.decrypt(&of_day(context, now - TimeDelta::days(1)), encrypted);
        self.decrypt(&of_day(context, now), encrypted).or_else(yesterday)
    }
}

/// The context of one day, in UTC.
fn of_day(context: &str, moment: DateTime<Utc>) -> String {
    format!("{context}/{}", moment.date_naive())
}

/// Derives the key of a context.
fn derive(master: &Prk, context: &str) -> Option<RandomizedNonceKey> {
    let mut key = [0; KEY_BYTES];
    master.expand(&[context.as_bytes()], KeyLength).ok()?.fill(&mut key).ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encryptor(keys: &[u8]) -> Encryptor {
        let keys: Vec<_> = keys.iter().map(|byte| SecretSlice::from(vec![*byte; 32])).collect();
        Encryptor::new(&keys)
    }

    fn decrypted(encryptor: &Encryptor, context: &str, encrypted: &str) -> Option<String> {
        encryptor.decrypt(context, encrypted).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn encrypted_value_decrypts_only_in_its_context_and_unmodified() {
        let encryptor = encryptor(&[1]);
        let encrypted = encryptor.encrypt("here", "a secret").unwrap();
        assert!(!encrypted.contains("secret"));
        assert_eq!(decrypted(&encryptor, "here", &encrypted).as_deref(), Some("a secret"));
        assert_eq!(decrypted(&encryptor, "there", &encrypted), None);
        assert_ne!(encryptor.encrypt("here", "a secret").unwrap(), encrypted, "each nonce is used once");
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&encrypted).unwrap();
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(decrypted(&encryptor, "here", &BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {index}");
            bytes[index] ^= 1;
        }
        for wrong in ["", "a", "!", &encrypted[..10], &encrypted[..encrypted.len() - 2]] {
            assert_eq!(decrypted(&encryptor, "here", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rotation_decrypts_with_the_old_key_and_encrypts_with_the_new_one() {
        let (old, both, new) = (encryptor(&[1]), encryptor(&[2, 1]), encryptor(&[2]));
        let before = old.encrypt("here", "before").unwrap();
        let during = both.encrypt("here", "during").unwrap();
        assert_eq!(decrypted(&both, "here", &before).as_deref(), Some("before"));
        assert_eq!(decrypted(&new, "here", &during).as_deref(), Some("during"));
        assert_eq!(decrypted(&new, "here", &before), None);
        assert_eq!(decrypted(&old, "here", &during), None);
    }

    #[test]
    fn each_context_has_its_own_key() {
        let encryptor = encryptor(&[1]);
        let derived = |context: &str| {
            let mut key = [0; KEY_BYTES];
            encryptor.0[0].expand(&[context.as_bytes()], KeyLength).unwrap().fill(&mut key).unwrap();
            key
        };
        assert_ne!(derived("here"), derived("there"));
        assert_ne!(derived("here"), [1; KEY_BYTES], "the key is not the secret itself");
        // Encrypted under the key of one context with the name of another: the name as AAD alone would accept it.
        let mut bytes = b"a secret".to_vec();
        let key = derive(&encryptor.0[0], "here").unwrap();
        let nonce = key.seal_in_place_append_tag(Aad::from(b"there"), &mut bytes).unwrap();
        let encrypted = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat());
        assert_eq!(decrypted(&encryptor, "there", &encrypted), None);
    }

    #[test]
    fn value_encrypted_for_hours_decrypts_until_the_end_of_the_next_day() {
        let encryptor = encryptor(&[1]);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let encrypted = encryptor.encrypt_for_hours("here", "a secret", at("2030-01-02T23:59:59Z")).unwrap();
        let decrypts = |now: &str| encryptor.decrypt_of_hours("here", &encrypted, at(now)).is_some();
        assert!(
            decrypts("2030-01-02T23:59:59Z") && decrypts("2030-01-03T00:09:59Z") && decrypts("2030-01-03T23:59:59Z")
        );
        assert!(!decrypts("2030-01-04T00:00:00Z") && !decrypts("2030-01-01T23:59:59Z"));
        let next_day = encryptor.encrypt_for_hours("here", "a secret", at("2030-01-03T00:00:00Z")).unwrap();
        assert!(
            encryptor.decrypt(&of_day("here", at("2030-01-02T00:00:00Z")), &next_day).is_none(),
            "each day has another key"
        );
    }
}
