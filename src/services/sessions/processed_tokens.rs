//! The cache of processed logout tokens.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use quick_cache::sync::Cache;

/// The capacity of the cache of processed tokens.
const MAX_PROCESSED: usize = 10_000;

/// The hashes of processed logout tokens, each with the expiry of the token: a replayed token costs neither a signature check nor a
/// transaction.
///
/// The cache is per process. That is enough, because a replay at another replica changes nothing and invalidates no cache (see [`end`]).
/// The key is the whole token and not its `jti`, so that two tokens with the same `jti` are both processed.
pub(super) struct ProcessedTokens(pub(super) Cache<TokenHash, DateTime<Utc>>);

pub(super) type TokenHash = [u8; 32];

impl Default for ProcessedTokens {
    fn default() -> Self {
        Self(Cache::new(MAX_PROCESSED))
    }
}

impl ProcessedTokens {
    pub(super) fn contain(&self, token: &TokenHash, now: DateTime<Utc>) -> bool {
        self.0.get(token).is_some_and(|expires_at| now < expires_at)
    }
}

pub(super) fn hash(token: &str) -> TokenHash {
    let (mut hash, digest) = (TokenHash::default(), digest(&SHA256, token.as_bytes()));
    hash.iter_mut().zip(digest.as_ref()).for_each(|(octet, digested)| *octet = *digested);
    hash
}
