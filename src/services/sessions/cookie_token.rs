//! What a session's cookie holds.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use crate::services::Failure;

/// 256 bits: it can't be guessed, so a plain hash of it is enough to know it by.
const BYTES: usize = 32;

/// A new one.
pub(super) fn random() -> Result<String, Failure> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::NoRandomness)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of it.
pub(super) fn hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}
