//! The issuer's state that a cached verdict checks on every request: a few plain loads, without locks or writes.

use chrono::{DateTime, Utc};

use super::verdicts::Verdicts;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The bits of the word for the time: seconds since 1970, enough for two thousand years.
const TIME_BITS: u32 = 36;

/// The current edition of an issuer's keys and its expiry, in one word, so that both are read atomically.
#[derive(Debug, Default)]
pub(crate) struct KeyEdition(AtomicU64);

impl KeyEdition {
    /// Replaces the current edition. Must be called after its keys are visible to readers: then a token that is verified while this
    /// edition is current was verified by its keys or later ones.
    pub(crate) fn publish(&self, edition: u64, closes_at: DateTime<Utc>) {
        let closes_at = u64::try_from(closes_at.timestamp()).ok().filter(|time| *time < 1 << TIME_BITS);
        // An edition that does not fit counts as none, and its tokens are not cached.
        let edition = Some(edition).filter(|edition| *edition < 1 << (u64::BITS - TIME_BITS));
        let word = edition.zip(closes_at).map_or(0, |(edition, closes_at)| edition << TIME_BITS | closes_at);
        self.0.store(word, Ordering::Release);
    }

    /// Returns the edition that is valid at `now`, in microseconds since 1970; `None` if there is none.
    pub(crate) fn edition(&self, now: i64) -> Option<u32> {
        let word = self.0.load(Ordering::Acquire);
        let (edition, closes_at) = (word >> TIME_BITS, word % (1 << TIME_BITS));
        let is_open = u64::try_from(now / 1_000_000).is_ok_and(|now| now < closes_at);
        u32::try_from(edition).ok().filter(|edition| *edition > 0 && is_open)
    }
}

/// The status of an issuer within one version of the issuer table.
#[derive(Debug, Default)]
pub(crate) struct IssuerStatus {
    is_dismissed: AtomicBool,
    keys: Arc<KeyEdition>,
    pub(crate) verdicts: Verdicts,
}

impl IssuerStatus {
    /// Creates the status of a newly trusted issuer with these keys.
    pub(crate) fn new(keys: Arc<KeyEdition>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Invalidates all cached verdicts: the issuer is no longer trusted, or its settings have changed.
    pub(crate) fn dismiss(&self) {
        self.is_dismissed.store(true, Ordering::Release);
    }

    /// Returns whether a verdict by a key of this edition is still valid at `now`, in microseconds since 1970.
    pub(crate) fn still_trusts_key(&self, edition: u32, now: i64) -> bool {
        !self.is_dismissed.load(Ordering::Acquire) && self.keys.edition(now) == Some(edition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn published(edition: u64, closes_at: i64) -> Arc<KeyEdition> {
        let keys = KeyEdition::default();
        keys.publish(edition, DateTime::from_timestamp(closes_at, 999_999_000).unwrap());
        keys.into()
    }

    #[test]
    fn edition_is_valid_until_it_closes() {
        let at = |keys: &KeyEdition, second: i64| keys.edition(second * 1_000_000 + 999_999);
        assert_eq!(at(&KeyEdition::default(), NOW), None);
        let keys = published(7, NOW + 60);
        assert_eq!((at(&keys, NOW), at(&keys, NOW + 59), at(&keys, NOW + 60)), (Some(7), Some(7), None));
        assert_eq!(at(&published((1 << 28) - 1, NOW + 60), NOW), Some((1 << 28) - 1));
        for (edition, closes_at) in [(1 << 28, NOW + 60), (0, NOW + 60), (1, -1), (1, 1 << TIME_BITS)] {
            assert_eq!(at(&published(edition, closes_at), NOW), None, "{edition} {closes_at}");
        }
    }

    #[test]
    fn dismissed_issuer_trusts_no_edition() {
        let status = IssuerStatus::new(published(7, NOW + 60));
        let trusts = |edition| status.still_trusts_key(edition, NOW * 1_000_000);
        assert!(trusts(7) && !trusts(6) && !trusts(8));
        status.dismiss();
        assert!(!trusts(7));
    }
}
