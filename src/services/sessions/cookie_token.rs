//! The value of a session cookie: a random id and an HMAC tag over it, which proves that this service issued the id.
//!
//! The tag is checked before any lookup, so a forged cookie costs one HMAC and no query. The id alone identifies the session, and the
//! database holds its hash, so the key of the tag can be rotated without ending sessions.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use secrecy::{ExposeSecret, SecretSlice};

use crate::services::Failure;

/// 256 bits: the id cannot be guessed, so an unsalted hash is enough for the lookup.
const ID_BYTES: usize = 32;
/// The full tag of HMAC-SHA-256.
const TAG_BYTES: usize = 32;
/// Separates this use of `SESSION_KEY` from all others (RFC 5869 section 3.2).
const PURPOSE: &[u8] = b"portcullis session cookie v1";

/// Issues the values of session cookies and authenticates them.
pub(super) struct CookieTokens(Vec<hmac::Key>);

/// A new cookie.
pub(super) struct NewCookie {
    /// The value for the browser.
    pub(super) value: String,
    /// The hash of the id, for the database.
    pub(super) hash: String,
}

impl CookieTokens {
    /// Derives keys from `keys`, the newest first: the first one issues, all of them authenticate.
    pub(super) fn new(keys: &[SecretSlice<u8>]) -> Self {
        Self(keys.iter().filter_map(derive).collect())
    }

    /// Issues a cookie. Fails with [`Failure::NoRandomness`] without a key or randomness.
    pub(super) fn issue(&self) -> Result<NewCookie, Failure> {
        let key = self.0.first().ok_or(Failure::NoRandomness)?;
        let mut id = [0; ID_BYTES];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| Failure::NoRandomness)?;
        let tag = hmac::sign(key, &id);
        let value = BASE64_URL_SAFE_NO_PAD.encode([&id, tag.as_ref()].concat());
        Ok(NewCookie { value, hash: hash(&id) })
    }

    /// Returns the hash of the cookie's id; `None` if this service did not issue the cookie.
    pub(super) fn authenticate(&self, value: &str) -> Option<String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok().filter(|bytes| bytes.len() == ID_BYTES + TAG_BYTES)?;
        let (id, tag) = bytes.split_at_checked(ID_BYTES)?;
        // Each comparison takes constant time.
        self.0.iter().any(|key| hmac::verify(key, id, tag).is_ok()).then(|| hash(id))
    }
}

/// `SESSION_KEY` is uniformly random, so it needs no salt (RFC 5869 section 3.1). Never `None` for a key of a valid length.
fn derive(key: &SecretSlice<u8>) -> Option<hmac::Key> {
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(key.expose_secret());
    extracted.expand(&[PURPOSE], HMAC_SHA256).ok().map(hmac::Key::from)
}

fn hash(id: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(keys: &[u8]) -> CookieTokens {
        let keys: Vec<_> = keys.iter().map(|byte| SecretSlice::from(vec![*byte; 32])).collect();
        CookieTokens::new(&keys)
    }

    #[test]
    fn issued_cookie_authenticates_to_its_hash_and_is_unique() {
        let tokens = tokens(&[1]);
        let (first, second) = (tokens.issue().unwrap(), tokens.issue().unwrap());
        assert_eq!(tokens.authenticate(&first.value), Some(first.hash.clone()));
        assert!(first.value != second.value && first.hash != second.hash);
        assert!(!first.value.contains(&first.hash));
    }

    #[test]
    fn modified_cookie_does_not_authenticate() {
        let tokens = tokens(&[1]);
        let cookie = tokens.issue().unwrap().value;
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert_eq!(tokens.authenticate(&BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {index}");
            bytes[index] ^= 1;
        }
        let id_alone = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..ID_BYTES]);
        let longer = BASE64_URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat());
        for wrong in ["", "!", &id_alone, &longer, &cookie[..cookie.len() - 1], &format!("{cookie}=")] {
            assert_eq!(tokens.authenticate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_configured_key_authenticates_and_the_first_one_issues() {
        let (old, both, new) = (tokens(&[1]), tokens(&[2, 1]), tokens(&[2]));
        let (before, during) = (old.issue().unwrap(), both.issue().unwrap());
        assert_eq!(both.authenticate(&before.value), Some(before.hash));
        assert_eq!(new.authenticate(&during.value), Some(during.hash));
        assert_eq!(new.authenticate(&before.value), None);
        assert_eq!(old.authenticate(&during.value), None);
    }

    /// Replicas of different builds read each other's cookies: the derived key and the hash must not change.
    #[test]
    fn derived_key_and_hash_are_stable_across_builds() {
        let tag = hmac::sign(&tokens(&[7]).0[0], &[9; ID_BYTES]);
        let cookie = BASE64_URL_SAFE_NO_PAD.encode([&[9; ID_BYTES], tag.as_ref()].concat());
        assert_eq!(cookie, "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkAZMRm0J-HiooIALQjCz0sj3Rp9LA6T1pUwn3ynoB2ww");
        assert_eq!(tokens(&[7]).authenticate(&cookie).unwrap(), "jAzBegSULMT44P4LMCYG0xCIYMEmQouizutfntQcKwU");
    }
}
