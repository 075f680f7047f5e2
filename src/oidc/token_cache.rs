//! Tokens that were proved lately, so that a client's next request costs no signature check.
//!
//! Only the positive verdict on a JWT is remembered, with what it rests on: the issuer's standing, the edition of its keys and the
//! times that the token names. Each is looked at anew with every request; where one does not hold, the token is examined from the
//! start, and its examination alone says why it is refused. So a token has the same verdict whether it is remembered or not.
//!
//! Tokens are found by a hash with a random key of this process, and compared whole: none can be made to share another's verdict. Bounded in
//! number and bytes; those of little use go first. A hundred thousand of them are to be remembered, so what they have alike is kept once.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, Weighter};

use super::claims::{Claims, PER_PIECE};
use super::header::SpeltHeader;
use super::validity::Window;
use crate::hit_counter::{Finds, MemoryReading};

/// The most memory that remembered tokens may take, in bytes.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// How many tokens are remembered at the most.
const MAX_TOKENS: u64 = 128 * 1024;
/// How many there is room for from the start. It grows; room for all would spread those of an ordinary day over ten times the memory.
const EXPECTED: usize = 1024;

/// How much of a token's end is hashed: 12 octets of its signature, which nobody can choose. Hashing all of it would cost more than the
/// rest of the look-up; it is compared all the same. No proved token is so short that its header would be hashed too.
const HASHED: usize = 16;

/// What the verdict on a token rests on, besides the token itself and how its issuer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheValidity {
    /// The edition of the issuer's keys.
    pub(super) keys: u32,
    /// When the token's times let it through.
    pub(super) window: Window,
}

/// The latest proved tokens.
pub(super) struct TokenCache {
    proofs: Cache<Key, CachedToken, ByBytes>,
    finds: Finds,
}

/// A token. Its header is kept once for all tokens that have the same.
struct Key {
    header: Arc<SpeltHeader>,
    /// What follows the header's dot.
    rest: Box<str>,
}

/// What may be a token, to be found by.
struct Presented<'a>(&'a [u8]);

/// The verdict on a token. What its [`CacheValidity`] are is kept in parts, which is smaller.
#[derive(Clone)]
struct CachedToken {
    claims: Arc<Claims>,
    window: Window,
    keys: u32,
    bytes: u32,
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self::with_capacity(MAX_TOKENS, MAX_BYTES)
    }

    fn with_capacity(tokens: u64, bytes: u64) -> Self {
        let least = bytes / tokens;
        let proofs =
            Cache::with(EXPECTED, bytes, ByBytes { least }, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { proofs, finds: Finds::default() }
    }

    /// How it stands: found, proved anew, remembered. A token that is refused is neither found nor proved.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.proofs.len())
    }

    /// The claims of the token that was `presented`, if it was proved and is so still at `now`, in microseconds since 1970.
    pub(super) fn find(&self, presented: &[u8], now: i64) -> Option<Arc<Claims>> {
        let CachedToken { claims, window, keys, .. } = self.proofs.get(&Presented(presented))?;
        let status = &claims.policy.status;
        if !window.contains(now) || !status.still_trusts_key(keys, now) {
            return None;
        }
        self.finds.hit();
        status.verdicts.accept();
        Some(claims)
    }

    /// Remembers that `token`, which has this header, was proved on these grounds, in place of what was remembered of it.
    pub(super) fn keep(&self, token: &str, header: &Arc<SpeltHeader>, claims: &Arc<Claims>, validity: CacheValidity) {
        self.finds.miss();
        let rest = token.strip_prefix(&*header.text).and_then(|rest| rest.strip_prefix('.'));
        if let Some(rest) = rest.filter(|rest| rest.len() >= HASHED) {
            let key = Key { header: Arc::clone(header), rest: rest.into() };
            let bytes = u32::try_from(bytes_of(&key, claims)).unwrap_or(u32::MAX);
            let CacheValidity { keys, window } = validity;
            self.proofs.insert(key, CachedToken { claims: Arc::clone(claims), window, keys, bytes });
        }
    }
}

impl Equivalent<Key> for Presented<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let (text, Key { header, rest }) = (self.0, key);
        let Some((presented_header, presented_rest)) = text.split_at_checked(header.text.len()) else { return false };
        presented_rest.strip_prefix(b".") == Some(rest.as_bytes()) && presented_header == header.text.as_bytes()
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.0, state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.rest.as_bytes(), state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest && self.header.text == other.header.text
    }
}

impl Eq for Key {}

fn hash_end(token: &[u8], state: &mut impl Hasher) {
    state.write(token.rchunks(HASHED).next().unwrap_or_default());
}

/// Weighs what is remembered by the memory that it takes. The least weight bounds the number as well.
#[derive(Clone)]
struct ByBytes {
    least: u64,
}

/// What the cache itself spends on an entry.
const OVERHEAD: usize = 32;

impl Weighter<Key, CachedToken> for ByBytes {
    fn weight(&self, _: &Key, proof: &CachedToken) -> u64 {
        u64::from(proof.bytes).max(self.least)
    }
}

fn bytes_of(key: &Key, claims: &Claims) -> usize {
    let entry = size_of::<(Key, CachedToken)>() + OVERHEAD + key.rest.len() + PER_PIECE;
    entry + claims.bytes()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::oidc::header::UnverifiedHeader;
    use crate::oidc::validity::Validity;
    use crate::oidc::{Algorithm, SubjectKind};

    fn keep(tokens: &TokenCache, token: &str) {
        let now = DateTime::UNIX_EPOCH;
        let claims = Arc::new(Claims::for_test("https://issuer.test", SubjectKind::Human, "alice", now));
        let says = UnverifiedHeader { algorithm: Algorithm::Es256, key_id: None, says_access_token: true };
        let header = Arc::new(SpeltHeader { text: "header".into(), says });
        let validity = Validity { expires_at: now, not_before: None, issued_at: None };
        let validity = CacheValidity { keys: 1, window: validity.window() };
        tokens.keep(&format!("header.{token}"), &header, &claims, validity);
    }

    fn kept(tokens: &TokenCache) -> usize {
        tokens.proofs.len()
    }

    #[test]
    fn their_number_is_bounded() {
        let tokens = TokenCache::with_capacity(100, 100 * 4096);
        (0..1000).for_each(|number| keep(&tokens, &format!("{number:HASHED$}")));
        assert!((1..=100).contains(&kept(&tokens)), "{}", kept(&tokens));
    }

    #[test]
    fn their_bytes_are_bounded() {
        let tokens = TokenCache::with_capacity(1000, 64 * 1024);
        (0..100).for_each(|number| keep(&tokens, &format!("{number}{}", "x".repeat(4096))));
        assert!((1..=16).contains(&kept(&tokens)), "{}", kept(&tokens));
    }

    #[test]
    fn tokens_that_end_alike_are_told_apart() {
        let tokens = TokenCache::new();
        let end = "x".repeat(HASHED);
        keep(&tokens, &format!("one.{end}"));
        let found = |token: &str| tokens.proofs.get(&Presented(token.as_bytes())).is_some();
        assert!(found(&format!("header.one.{end}")));
        for other in ["header.another.", "other.one.", "heade.one.", "headerr.one.", "header-one.", "headerone.", ""] {
            assert!(!found(&format!("{other}{end}")), "{other}");
        }
        keep(&tokens, &format!("another.{end}"));
        assert!(found(&format!("header.one.{end}")) && found(&format!("header.another.{end}")));
    }
}
