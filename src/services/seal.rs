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
pub(super) struct Sealer(Vec<Prk>);

/// The length of a derived key.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Sealer {
    /// Secrets of 32 bytes, the newest first.
    pub(super) fn new(secrets: &[SecretSlice<u8>]) -> Self {
        let salt = Salt::new(HKDF_SHA256, SALT);
        Self(secrets.iter().map(|secret| salt.extract(secret.expose_secret())).collect())
    }

    /// `secret`, for this place alone: elsewhere it does not open.
    pub(super) fn seal(&self, place: &str, secret: &str) -> Result<String, Failure> {
        let key = self.0.first().and_then(|ours| derive(ours, place)).ok_or(Failure::NoRandomness)?;
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut sealed);
        let nonce = nonce.map_err(|_| Failure::NoRandomness)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
    }

    /// What was sealed for this place; `None` if it was not, or not by us.
    pub(super) fn open(&self, place: &str, sealed: &str) -> Option<SecretString> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let open = |ours: &Prk| {
            let (key, nonce) = (derive(ours, place)?, Nonce::try_assume_unique_for_key(nonce).ok()?);
            let mut opened = sealed.to_vec();
            let opened = key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut opened).ok()?;
            std::str::from_utf8(opened).ok().map(SecretString::from)
        };
        self.0.iter().find_map(open)
    }

    /// [`Self::seal`] for what anybody can have sealed and nobody keeps for a day.
    pub(super) fn seal_for_hours(&self, place: &str, secret: &str, now: DateTime<Utc>) -> Result<String, Failure> {
        self.seal(&of_day(place, now), secret)
    }

    /// What [`Self::seal_for_hours`] sealed today or yesterday.
    pub(super) fn open_of_hours(&self, place: &str, sealed: &str, now: DateTime<Utc>) -> Option<SecretString> {
        let yesterday = || self.open(&of_day(place, now - TimeDelta::days(1)), sealed);
        self.open(&of_day(place, now), sealed).or_else(yesterday)
    }
}

/// The place of one day, in UTC.
fn of_day(place: &str, moment: DateTime<Utc>) -> String {
    format!("{place}/{}", moment.date_naive())
}

/// The key of a place.
fn derive(ours: &Prk, place: &str) -> Option<RandomizedNonceKey> {
    let mut key = [0; KEY_BYTES];
    ours.expand(&[place.as_bytes()], KeyLength).ok()?.fill(&mut key).ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(keys: &[u8]) -> Sealer {
        let keys: Vec<_> = keys.iter().map(|byte| SecretSlice::from(vec![*byte; 32])).collect();
        Sealer::new(&keys)
    }

    fn opened(sealer: &Sealer, place: &str, sealed: &str) -> Option<String> {
        sealer.open(place, sealed).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone_and_unchanged_alone() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal("here", "a secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(opened(&sealer, "here", &sealed).as_deref(), Some("a secret"));
        assert_eq!(opened(&sealer, "there", &sealed), None);
        assert_ne!(sealer.seal("here", "a secret").unwrap(), sealed, "a nonce is used once");
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            assert_eq!(opened(&sealer, "here", &BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {place}");
            bytes[place] ^= 1;
        }
        for wrong in ["", "a", "!", &sealed[..10], &sealed[..sealed.len() - 2]] {
            assert_eq!(opened(&sealer, "here", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn during_a_rotation_the_old_key_opens_and_the_new_one_seals() {
        let (old, both, new) = (sealer(&[1]), sealer(&[2, 1]), sealer(&[2]));
        let before = old.seal("here", "before").unwrap();
        let during = both.seal("here", "during").unwrap();
        assert_eq!(opened(&both, "here", &before).as_deref(), Some("before"));
        assert_eq!(opened(&new, "here", &during).as_deref(), Some("during"));
        assert_eq!(opened(&new, "here", &before), None);
        assert_eq!(opened(&old, "here", &during), None);
    }

    #[test]
    fn each_place_has_a_key_of_its_own() {
        let sealer = sealer(&[1]);
        let derived = |place: &str| {
            let mut key = [0; KEY_BYTES];
            sealer.0[0].expand(&[place.as_bytes()], KeyLength).unwrap().fill(&mut key).unwrap();
            key
        };
        assert_ne!(derived("here"), derived("there"));
        assert_ne!(derived("here"), [1; KEY_BYTES], "nor is it the secret itself");
        // Sealed under the key of one place with the name of another, which the name alone would let through.
        let mut bytes = b"a secret".to_vec();
        let key = derive(&sealer.0[0], "here").unwrap();
        let nonce = key.seal_in_place_append_tag(Aad::from(b"there"), &mut bytes).unwrap();
        let sealed = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat());
        assert_eq!(opened(&sealer, "there", &sealed), None);
    }

    #[test]
    fn what_is_sealed_for_hours_opens_until_the_next_day_ends() {
        let sealer = sealer(&[1]);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let sealed = sealer.seal_for_hours("here", "a secret", at("2030-01-02T23:59:59Z")).unwrap();
        let opened = |now: &str| sealer.open_of_hours("here", &sealed, at(now)).is_some();
        assert!(opened("2030-01-02T23:59:59Z") && opened("2030-01-03T00:09:59Z") && opened("2030-01-03T23:59:59Z"));
        assert!(!opened("2030-01-04T00:00:00Z") && !opened("2030-01-01T23:59:59Z"));
        let next_day = sealer.seal_for_hours("here", "a secret", at("2030-01-03T00:00:00Z")).unwrap();
        assert!(sealer.open(&of_day("here", at("2030-01-02T00:00:00Z")), &next_day).is_none(), "under another key");
    }
}
