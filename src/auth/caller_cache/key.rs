//! The key of a cached caller: its token.
//!
//! Lookups use a hash with a random key per process and compare the whole token, so no token can obtain the entry of another.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

/// The number of characters at the end of a token that are hashed: 12 octets of the signature, which a client cannot choose. Hashing the
/// whole token would cost more than the rest of the lookup; equality compares all of it. Every verified token is long enough for this
/// part not to reach into its header.
pub(super) const HASHED: usize = 16;

/// The maximum number of headers. An issuer has a few, one for each key.
const MAX_HEADERS: usize = 256;

/// A token. Tokens with equal headers share the header.
pub(super) struct Key {
    header: Arc<Header>,
    /// The text after the header's dot.
    rest: Box<[u8]>,
}

/// A text to look up, which need not be a token.
pub(super) struct Presented<'a>(pub(super) &'a [u8]);

#[derive(PartialEq, Eq, Hash)]
struct Header(Box<[u8]>);

/// The text of a header to look up.
#[derive(Hash)]
struct PresentedHeader<'a>(&'a [u8]);

/// The headers of the cached tokens.
pub(super) struct Headers(Cache<Arc<Header>, Arc<Header>>);

impl Default for Headers {
    fn default() -> Self {
        Self(Cache::new(MAX_HEADERS))
    }
}

impl Headers {
    /// The key of a verified token; `None` if it is too short to be one.
    pub(super) fn key_of(&self, token: &[u8]) -> Option<Key> {
        let (header, rest) = token.split_at_checked(token.iter().position(|octet| *octet == b'.')?)?;
        let rest = rest.strip_prefix(b".").filter(|rest| rest.len() >= HASHED)?.into();
        let header = self.0.get(&PresentedHeader(header)).unwrap_or_else(|| {
            let header = Arc::new(Header(header.into()));
            self.0.insert(Arc::clone(&header), Arc::clone(&header));
            header
        });
        Some(Key { header, rest })
    }
}

impl Equivalent<Arc<Header>> for PresentedHeader<'_> {
    fn equivalent(&self, header: &Arc<Header>) -> bool {
        *self.0 == *header.0
    }
}

impl Key {
    /// The memory of the key in addition to its own size.
    pub(super) fn bytes(&self) -> usize {
        self.rest.len() + size_of::<[usize; 2]>()
    }
}

impl Equivalent<Key> for Presented<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let (text, Key { header, rest }) = (self.0, key);
        let Some((presented_header, presented_rest)) = text.split_at_checked(header.0.len()) else { return false };
        presented_rest.strip_prefix(b".") == Some(&**rest) && presented_header == &*header.0
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.0, state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(&self.rest, state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest && self.header == other.header
    }
}

impl Eq for Key {}

fn hash_end(token: &[u8], state: &mut impl Hasher) {
    state.write(token.rchunks(HASHED).next().unwrap_or_default());
}
