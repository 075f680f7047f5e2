//! What is kept where others could read or swap it: sealed with AES-256-GCM under a key of ours.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::Failure;

/// Seals under the first key, and opens what any of them sealed.
pub(super) struct Sealer(Vec<RandomizedNonceKey>);

impl Sealer {
    /// Keys of 32 bytes, the newest first; others are left out.
    pub(super) fn new(keys: &[SecretSlice<u8>]) -> Self {
        Self(keys.iter().filter_map(|key| RandomizedNonceKey::new(&AES_256_GCM, key.expose_secret()).ok()).collect())
    }

    /// `secret`, for this place alone: elsewhere it does not open.
    pub(super) fn seal(&self, place: &str, secret: &str) -> Result<String, Failure> {
        let key = self.0.first().ok_or(Failure::NoRandomness)?;
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut sealed);
        let nonce = nonce.map_err(|_| Failure::NoRandomness)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
    }

    /// What was sealed for this place; `None` if it was not, or not by us.
    pub(super) fn open(&self, place: &str, sealed: &str) -> Option<SecretString> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let open = |key: &RandomizedNonceKey| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut opened = sealed.to_vec();
            let opened = key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut opened).ok()?;
            std::str::from_utf8(opened).ok().map(SecretString::from)
        };
        self.0.iter().find_map(open)
    }
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
}
