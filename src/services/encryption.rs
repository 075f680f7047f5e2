//! What is kept where others could read or swap it: sealed with AES-256-GCM under a key of ours.
//!
//! Each place has a key of its own, derived from ours by HKDF (RFC 5869). With random nonces one AES-GCM key may seal 2^32 texts (NIST
//! SP 800-38D section 8.3), and no place comes near that: what a session keeps has a place for each session, and what anybody can have
//! sealed at will has one for each day ([`of_day`]).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::Failure;

/// What the derived keys are for: another use of the same secret, or another version of this one, derives others.
const SALT: &[u8] = b"portcullis sealing key v1";
/// AES-256.
const KEY_BYTES: usize = 32;

/// Seals under the first key, and opens what any of them sealed.
pub(super) struct Encryptor(Vec<Prk>);

/// The length of a derived key.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Encryptor {
    /// Secrets of 32 bytes, the newest first.
    pub(super) fn new(secrets: &[SecretSlice<u8>]) -> Self {
        let salt = Salt::new(HKDF_SHA256, SALT);
        Self(secrets.iter().map(|secret| salt.extract(secret.expose_secret())).collect())
    }

    /// `secret`, for this place alone: elsewhere it does not open.
    pub(super) fn encrypt(&self, context: &str, secret: &str) -> Result<String, Failure> {
        let key = self.0.first().and_then(|ours| derive(ours, context)).ok_or(Failure::NoRandomness)?;
        let mut encrypted = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut encrypted);
        let nonce = nonce.map_err(|_| Failure::NoRandomness)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &encrypted].concat()))
    }

    /// What was sealed for this place; `None` if it was not, or not by us.
    pub(super) fn decrypt(&self, context: &str, encrypted: &str) -> Option<SecretString> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encrypted).ok()?;
        let (nonce, encrypted) = bytes.split_at_checked(NONCE_LEN)?;
        let open = |ours: &Prk| {
            let (key, nonce) = (derive(ours, context)?, Nonce::try_assume_unique_for_key(nonce).ok()?);
            let mut opened = encrypted.to_vec();
            let opened = key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut opened).ok()?;
            std::str::from_utf8(opened).ok().map(SecretString::from)
        };
        self.0.iter().find_map(open)
    }

    /// [`Self::seal`] for what anybody can have sealed and nobody keeps for a day.
    pub(super) fn encrypt_for_hours(&self, context: &str, secret: &str, now: DateTime<Utc>) -> Result<String, Failure> {
        self.encrypt(&of_day(context, now), secret)
    }

    /// What [`Self::seal_for_hours`] sealed today or yesterday.
    pub(super) fn decrypt_of_hours(&self, context: &str, encrypted: &str, now: DateTime<Utc>) -> Option<SecretString> {
        let yesterday = || self.decrypt(&of_day(context, now - TimeDelta::days(1)), encrypted);
        self.decrypt(&of_day(context, now), encrypted).or_else(yesterday)
    }
}

/// The place of one day, in UTC.
fn of_day(context: &str, moment: DateTime<Utc>) -> String {
    format!("{context}/{}", moment.date_naive())
}

/// The key of a place.
fn derive(ours: &Prk, context: &str) -> Option<RandomizedNonceKey> {
    let mut key = [0; KEY_BYTES];
    ours.expand(&[context.as_bytes()], KeyLength).ok()?.fill(&mut key).ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encryptor(keys: &[u8]) -> Encryptor {
        let keys: Vec<_> = keys.iter().map(|byte| SecretSlice::from(vec![*byte; 32])).collect();
        Encryptor::new(&keys)
    }

    fn opened(encryptor: &Encryptor, context: &str, encrypted: &str) -> Option<String> {
        encryptor.decrypt(context, encrypted).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone_and_unchanged_alone() {
        let encryptor = encryptor(&[1]);
        let encrypted = encryptor.encrypt("here", "a secret").unwrap();
        assert!(!encrypted.contains("secret"));
        assert_eq!(opened(&encryptor, "here", &encrypted).as_deref(), Some("a secret"));
        assert_eq!(opened(&encryptor, "there", &encrypted), None);
        assert_ne!(encryptor.encrypt("here", "a secret").unwrap(), encrypted, "a nonce is used once");
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&encrypted).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(opened(&encryptor, "here", &BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {at}");
            bytes[at] ^= 1;
        }
        for wrong in ["", "a", "!", &encrypted[..10], &encrypted[..encrypted.len() - 2]] {
            assert_eq!(opened(&encryptor, "here", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn during_a_rotation_the_old_key_opens_and_the_new_one_seals() {
        let (old, both, new) = (encryptor(&[1]), encryptor(&[2, 1]), encryptor(&[2]));
        let before = old.encrypt("here", "before").unwrap();
        let during = both.encrypt("here", "during").unwrap();
        assert_eq!(opened(&both, "here", &before).as_deref(), Some("before"));
        assert_eq!(opened(&new, "here", &during).as_deref(), Some("during"));
        assert_eq!(opened(&new, "here", &before), None);
        assert_eq!(opened(&old, "here", &during), None);
    }

    #[test]
    fn each_place_has_a_key_of_its_own() {
        let encryptor = encryptor(&[1]);
        let derived = |context: &str| {
            let mut key = [0; KEY_BYTES];
            encryptor.0[0].expand(&[context.as_bytes()], KeyLength).unwrap().fill(&mut key).unwrap();
            key
        };
        assert_ne!(derived("here"), derived("there"));
        assert_ne!(derived("here"), [1; KEY_BYTES], "nor is it the secret itself");
        // Sealed under the key of one place with the name of another, which the name alone would let through.
        let mut bytes = b"a secret".to_vec();
        let key = derive(&encryptor.0[0], "here").unwrap();
        let nonce = key.seal_in_place_append_tag(Aad::from(b"there"), &mut bytes).unwrap();
        let encrypted = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat());
        assert_eq!(opened(&encryptor, "there", &encrypted), None);
    }

    #[test]
    fn what_is_sealed_for_hours_opens_until_the_next_day_ends() {
        let encryptor = encryptor(&[1]);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let encrypted = encryptor.encrypt_for_hours("here", "a secret", at("2030-01-02T23:59:59Z")).unwrap();
        let opened = |now: &str| encryptor.decrypt_of_hours("here", &encrypted, at(now)).is_some();
        assert!(opened("2030-01-02T23:59:59Z") && opened("2030-01-03T00:09:59Z") && opened("2030-01-03T23:59:59Z"));
        assert!(!opened("2030-01-04T00:00:00Z") && !opened("2030-01-01T23:59:59Z"));
        let next_day = encryptor.encrypt_for_hours("here", "a secret", at("2030-01-03T00:00:00Z")).unwrap();
        assert!(
            encryptor.decrypt(&of_day("here", at("2030-01-02T00:00:00Z")), &next_day).is_none(),
            "under another key"
        );
    }
}
