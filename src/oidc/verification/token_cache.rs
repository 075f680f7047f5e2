//! A cache of verified tokens, which saves the signature check of a client's next requests.
//!
//! Only accepted JWTs are cached, with the conditions of their validity: the issuer's status, the edition of its keys and the token's time
//! window. Every lookup checks all of them. If one does not hold, the token is verified again in full, and that verification alone
//! determines the rejection. A token therefore has the same verdict with and without the cache.
//!
//! Lookups use a hash with a random key per process and compare the whole token, so no token can obtain another's verdict. The cache is
//! bounded in entries and bytes and evicts rarely used entries first. It is sized for a hundred thousand tokens, so equal parts are shared.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, Weighter};

use super::validity::Window;
use crate::cache::hit_counter::{Finds, MemoryReading};
use crate::jose::header::ParsedHeader;
use crate::oidc::claims::{ALLOCATION_OVERHEAD, Claims};

/// The memory limit in bytes.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// The maximum number of entries.
const MAX_TOKENS: u64 = 128 * 1024;
/// The initial capacity, which grows on demand. Full capacity would spread a usual load over ten times the memory.
const EXPECTED: usize = 1024;

/// The number of characters at the end of a token that are hashed: 12 octets of the signature, which a client cannot choose. Hashing the
/// whole token would cost more than the rest of the lookup; equality compares all of it. Every verified token is long enough for this
/// part not to reach into its header.
const HASHED: usize = 16;

/// The conditions under which a verdict stays valid, in addition to the issuer's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheValidity {
    /// The edition of the issuer's keys.
    pub(crate) keys: u32,
    /// The time window of the token.
    pub(crate) window: Window,
}

/// A cache of verified tokens.
pub(crate) struct TokenCache {
    tokens: Cache<Key, CachedToken, ByBytes>,
    counter: Finds,
}

/// A token. Tokens with equal headers share the header.
struct Key {
    header: Arc<ParsedHeader>,
    /// The text after the header's dot.
    rest: Box<str>,
}

/// A text to look up, which need not be a token.
struct Presented<'a>(&'a [u8]);

/// A cached verdict. The fields of [`CacheValidity`] are inlined, which needs less padding.
#[derive(Clone)]
struct CachedToken {
    claims: Arc<Claims>,
    window: Window,
    keys: u32,
    bytes: u32,
}

impl TokenCache {
    pub(crate) fn new() -> Self {
        Self::with_capacity(MAX_TOKENS, MAX_BYTES)
    }

    fn with_capacity(entries: u64, bytes: u64) -> Self {
        let least = bytes / entries;
        let tokens =
            Cache::with(EXPECTED, bytes, ByBytes { least }, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { tokens, counter: Finds::default() }
    }

    /// Hits, misses and entries. A refused token counts as neither hit nor miss.
    pub(crate) fn reading(&self) -> MemoryReading {
        self.counter.reading(self.tokens.len())
    }

    /// The claims of the `presented` token, if it is cached and still valid at `now`, in microseconds since 1970.
    pub(crate) fn find(&self, presented: &[u8], now: i64) -> Option<Arc<Claims>> {
        let CachedToken { claims, window, keys, .. } = self.tokens.get(&Presented(presented))?;
        let status = &claims.policy.status;
        if !window.contains(now) || !status.still_trusts_key(keys, now) {
            return None;
        }
        self.counter.hit();
        status.verdicts.accept();
        Some(claims)
    }

    /// Caches a verified `token` with this header, replacing its previous entry. Counts a miss.
    pub(crate) fn insert(
        &self,
        token: &str,
        header: &Arc<ParsedHeader>,
        claims: &Arc<Claims>,
        validity: CacheValidity,
    ) {
        self.counter.miss();
        let rest = token.strip_prefix(&*header.text).and_then(|rest| rest.strip_prefix('.'));
        if let Some(rest) = rest.filter(|rest| rest.len() >= HASHED) {
            let key = Key { header: Arc::clone(header), rest: rest.into() };
            let bytes = u32::try_from(bytes_of(&key, claims)).unwrap_or(u32::MAX);
            let CacheValidity { keys, window } = validity;
            self.tokens.insert(key, CachedToken { claims: Arc::clone(claims), window, keys, bytes });
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

/// Weighs an entry by its memory use. The minimum weight also bounds the number of entries.
#[derive(Clone)]
struct ByBytes {
    least: u64,
}

/// The cache's own memory use per entry.
const ENTRY_OVERHEAD: usize = 32;

impl Weighter<Key, CachedToken> for ByBytes {
    fn weight(&self, _: &Key, token: &CachedToken) -> u64 {
        u64::from(token.bytes).max(self.least)
    }
}

fn bytes_of(key: &Key, claims: &Claims) -> usize {
    let entry = size_of::<(Key, CachedToken)>() + ENTRY_OVERHEAD + key.rest.len() + ALLOCATION_OVERHEAD;
    entry + claims.bytes()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::jose::Algorithm;
    use crate::jose::header::UnverifiedHeader;
    use crate::oidc::SubjectKind;
    use crate::oidc::verification::validity::Validity;

    fn insert(cache: &TokenCache, token: &str) {
        let now = DateTime::UNIX_EPOCH;
        let claims = Arc::new(Claims::for_test("https://issuer.test", SubjectKind::Human, "alice", now));
        let content = UnverifiedHeader { algorithm: Algorithm::Es256, key_id: None, is_at_jwt: true };
        let header = Arc::new(ParsedHeader { text: "header".into(), content });
        let validity = Validity { expires_at: now, not_before: None, issued_at: None };
        let validity = CacheValidity { keys: 1, window: validity.window() };
        cache.insert(&format!("header.{token}"), &header, &claims, validity);
    }

    fn len(cache: &TokenCache) -> usize {
        cache.tokens.len()
    }

    #[test]
    fn number_of_entries_is_bounded() {
        let cache = TokenCache::with_capacity(100, 100 * 4096);
        (0..1000).for_each(|number| insert(&cache, &format!("{number:HASHED$}")));
        assert!((1..=100).contains(&len(&cache)), "{}", len(&cache));
    }

    #[test]
    fn memory_use_is_bounded() {
        let cache = TokenCache::with_capacity(1000, 64 * 1024);
        (0..100).for_each(|number| insert(&cache, &format!("{number}{}", "x".repeat(4096))));
        assert!((1..=16).contains(&len(&cache)), "{}", len(&cache));
    }

    #[test]
    fn tokens_with_equal_ends_have_separate_entries() {
        let cache = TokenCache::new();
        let end = "x".repeat(HASHED);
        insert(&cache, &format!("one.{end}"));
        let found = |token: &str| cache.tokens.get(&Presented(token.as_bytes())).is_some();
        assert!(found(&format!("header.one.{end}")));
        for other in ["header.another.", "other.one.", "heade.one.", "headerr.one.", "header-one.", "headerone.", ""] {
            assert!(!found(&format!("{other}{end}")), "{other}");
        }
        insert(&cache, &format!("another.{end}"));
        assert!(found(&format!("header.one.{end}")) && found(&format!("header.another.{end}")));
    }
}
