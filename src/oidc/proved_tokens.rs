//! Tokens that were proved lately, so that a client's next request costs no signature check.
//!
//! Only the positive verdict on a JWT is remembered, with what it rests on: the issuer's settings, the edition of its keys and the
//! times that the token names. Each is looked at anew with every request; where one does not hold, the token is examined from the
//! start, and its examination alone says why it is refused. So a token has the same verdict whether it is remembered or not.
//!
//! Tokens are found by a hash with a random key of this process (SipHash), and compared whole: none can be made to share another's
//! verdict. Bounded in number and bytes; those of little use go first.

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::mem::size_of;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::Claims;
use super::trusted_issuer::TrustedIssuer;
use super::trusted_issuers::Table;
use super::validity::Validity;
use crate::finds::{Finds, MemoryReading};

/// The most memory that remembered tokens may take, in bytes.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// How many tokens are remembered at the most.
const MAX_TOKENS: u64 = 128 * 1024;

/// What the verdict on a token rests on, besides the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grounds {
    /// The state of the table of issuers.
    pub(super) table: u64,
    /// The issuer's place in it.
    pub(super) issuer: usize,
    /// The edition of the issuer's keys.
    pub(super) keys: u64,
    /// The times that the token names.
    pub(super) validity: Validity,
}

impl Grounds {
    /// The token's issuer, if the verdict would be the same now.
    fn hold<'a>(&self, table: &'a Table, now: DateTime<Utc>) -> Option<&'a TrustedIssuer> {
        if self.table != table.number || self.validity.check_at(now).is_err() {
            return None;
        }
        table.issuer(self.issuer).filter(|issuer| issuer.keys.edition() == Some(self.keys))
    }
}

/// The latest proved tokens.
pub(super) struct ProvedTokens {
    proofs: Cache<Box<str>, Proof, ByBytes, RandomState>,
    finds: Finds,
}

#[derive(Clone)]
struct Proof {
    claims: Arc<Claims>,
    grounds: Grounds,
}

impl ProvedTokens {
    pub(super) fn new() -> Self {
        Self::with_capacity(MAX_TOKENS, MAX_BYTES)
    }

    fn with_capacity(tokens: u64, bytes: u64) -> Self {
        let least = bytes / tokens;
        let expected = usize::try_from(tokens).unwrap_or(usize::MAX);
        let proofs = Cache::with(expected, bytes, ByBytes { least }, RandomState::new(), DefaultLifecycle::default());
        Self { proofs, finds: Finds::default() }
    }

    /// How it stands: found, proved anew, remembered. A token that is refused is neither found nor proved.
    pub(super) fn reading(&self) -> MemoryReading {
        self.finds.reading(self.proofs.len())
    }

    /// The claims of `token`, if it was proved and is so still, by `table` and at `now`.
    pub(super) fn find(&self, token: &str, table: &Table, now: DateTime<Utc>) -> Option<Arc<Claims>> {
        let Proof { claims, grounds } = self.proofs.get(token)?;
        let issuer = grounds.hold(table, now)?;
        self.finds.hit();
        issuer.verdicts.accept();
        Some(claims)
    }

    /// Remembers that `token` was proved on these grounds, in place of what was remembered of it.
    pub(super) fn keep(&self, token: &str, claims: &Arc<Claims>, grounds: Grounds) {
        self.finds.miss();
        self.proofs.insert(token.into(), Proof { claims: Arc::clone(claims), grounds });
    }
}

/// Weighs what is remembered by the memory that it takes. The least weight bounds the number as well.
#[derive(Clone)]
struct ByBytes {
    least: u64,
}

/// What the cache itself spends on an entry, and the allocator on each piece of it.
const OVERHEAD: usize = 64;
const PER_PIECE: usize = 16;

impl Weighter<Box<str>, Proof> for ByBytes {
    fn weight(&self, token: &Box<str>, proof: &Proof) -> u64 {
        let entry = size_of::<(Box<str>, Proof)>() + OVERHEAD + token.len() + PER_PIECE;
        let bytes = u64::try_from(entry + bytes_of(&proof.claims)).unwrap_or(u64::MAX);
        bytes.max(self.least)
    }
}

fn bytes_of(claims: &Claims) -> usize {
    let profile = &claims.profile;
    let texts = [
        &claims.client_id,
        &profile.display_name,
        &profile.given_name,
        &profile.family_name,
        &profile.username,
        &profile.email,
        &profile.locale,
    ];
    let texts = texts.into_iter().flatten().chain([&claims.subject]).map(|text| text.len() + PER_PIECE).sum::<usize>();
    size_of::<Claims>() + PER_PIECE + texts + bytes_of_set(&claims.scopes) + bytes_of_set(&claims.roles)
}

/// A set keeps its texts in nodes of up to eleven, which are half full at the least.
fn bytes_of_set(set: &BTreeSet<String>) -> usize {
    const NODE: usize = 11 * size_of::<String>() + PER_PIECE;
    set.len().div_ceil(6) * NODE + set.iter().map(|text| text.len() + PER_PIECE).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::SubjectKind;

    fn keep(tokens: &ProvedTokens, token: &str) {
        let now = DateTime::UNIX_EPOCH;
        let claims = Arc::new(Claims::for_test("https://issuer.test", SubjectKind::Human, "alice", now));
        let validity = Validity { expires_at: now, not_before: None, issued_at: None };
        tokens.keep(token, &claims, Grounds { table: 1, issuer: 0, keys: 1, validity });
    }

    fn kept(tokens: &ProvedTokens) -> usize {
        tokens.proofs.iter().count()
    }

    #[test]
    fn their_number_is_bounded() {
        let tokens = ProvedTokens::with_capacity(100, 100 * 4096);
        (0..1000).for_each(|number| keep(&tokens, &number.to_string()));
        assert!((1..=100).contains(&kept(&tokens)), "{}", kept(&tokens));
    }

    #[test]
    fn their_bytes_are_bounded() {
        let tokens = ProvedTokens::with_capacity(1000, 64 * 1024);
        (0..100).for_each(|number| keep(&tokens, &format!("{number}{}", "x".repeat(4096))));
        assert!((1..=16).contains(&kept(&tokens)), "{}", kept(&tokens));
    }
}
