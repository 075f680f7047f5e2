//! What a remembered verdict asks of its issuer with every request: a few plain loads, and nothing that others wait for or write to.

use chrono::{DateTime, Utc};

use super::report::Verdicts;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How much of the word is for the time: seconds since 1970, for two thousand years.
const TIME_BITS: u32 = 36;

/// Which edition of an issuer's keys is used, and until when: in one word, so that the two are read at once.
#[derive(Debug, Default)]
pub(super) struct KeyEdition(AtomicU64);

impl KeyEdition {
    /// Has this edition be used until then, in place of the one before. To be called once its keys can be found: so what is proved
    /// while this edition is told was proved by its keys or later ones.
    pub(super) fn publish(&self, edition: u64, closes_at: DateTime<Utc>) {
        let closes_at = u64::try_from(closes_at.timestamp()).ok().filter(|time| *time < 1 << TIME_BITS);
        // An edition too large to be told is none, and nothing is remembered of its tokens.
        let edition = Some(edition).filter(|edition| *edition < 1 << (u64::BITS - TIME_BITS));
        let word = edition.zip(closes_at).map_or(0, |(edition, closes_at)| edition << TIME_BITS | closes_at);
        self.0.store(word, Ordering::Release);
    }

    /// The edition that is used `now`, in microseconds since 1970.
    pub(super) fn edition(&self, now: i64) -> Option<u32> {
        let word = self.0.load(Ordering::Acquire);
        let (edition, closes_at) = (word >> TIME_BITS, word % (1 << TIME_BITS));
        let is_open = u64::try_from(now / 1_000_000).is_ok_and(|now| now < closes_at);
        u32::try_from(edition).ok().filter(|edition| *edition > 0 && is_open)
    }
}

/// How an issuer stands, as one state of the table has it.
#[derive(Debug, Default)]
pub(super) struct IssuerStatus {
    is_dismissed: AtomicBool,
    keys: Arc<KeyEdition>,
    pub(super) verdicts: Verdicts,
}

impl IssuerStatus {
    /// Of an issuer that is trusted from now on, whose keys are these.
    pub(super) fn new(keys: Arc<KeyEdition>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Ends what rests on the issuer: it is trusted no more, or in another way.
    pub(super) fn dismiss(&self) {
        self.is_dismissed.store(true, Ordering::Release);
    }

    /// Whether what a key of this edition has verified is good `now`, in microseconds since 1970.
    pub(super) fn still_trusts_key(&self, edition: u32, now: i64) -> bool {
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
    fn an_edition_is_used_until_it_closes_and_none_before_the_first() {
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
    fn whoever_is_dismissed_vouches_for_nothing() {
        let status = IssuerStatus::new(published(7, NOW + 60));
        let vouches = |edition| status.still_trusts_key(edition, NOW * 1_000_000);
        assert!(vouches(7) && !vouches(6) && !vouches(8));
        status.dismiss();
        assert!(!vouches(7));
    }
}
