//! The order of invalidations, by which caches decide whether an entry is still valid.
//!
//! A cache takes a [`Version`] before it reads from the database. A writer records what it invalidates after its transaction has ended and
//! before its caller gets the result. A cached entry is valid as long as nothing that it depends on was invalidated after its version. A
//! reader that started before the write ended has an older version, however long it takes, so it cannot restore the old value.

use std::fmt::{self, Display, Write};

use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of slots that all keys share. Keys that share a slot are invalidated together, which costs a read and nothing else.
const SLOTS: usize = 4096;
/// The most keys that one change names; a change to more keys invalidates everything.
const MAX_KEYS: usize = 64;

/// A position in the order of invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u64);

/// The key of a cached principal, hashed to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidationKey(usize);

impl InvalidationKey {
    /// The key of this id: the same in every replica and every build.
    pub fn of(id: &impl Display) -> Self {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        // `write_str` of the hash never fails.
        let _ = write!(hash, "{id}");
        // Truncation is harmless: only the remainder is used.
        Self(hash.0 as usize % SLOTS)
    }
}

/// 64-bit FNV-1a.
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

/// The cached entries that a change invalidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidates {
    /// No entry.
    Nothing,
    /// The entries of this key only.
    One(InvalidationKey),
    /// The entries of these keys only.
    Several(Vec<InvalidationKey>),
    /// Every entry.
    Everything,
}

impl Invalidates {
    /// Invalidates the entries of this id only.
    pub fn one(id: &impl Display) -> Self {
        Self::One(InvalidationKey::of(id))
    }

    /// Invalidates the entries of these ids only; nothing if there are no ids.
    pub fn each<'a, I: Display + 'a>(ids: impl IntoIterator<Item = &'a I>) -> Self {
        Self::of(ids.into_iter().map(InvalidationKey::of).collect())
    }

    fn of(keys: Vec<InvalidationKey>) -> Self {
        match keys.as_slice() {
            [] => Self::Nothing,
            [one] => Self::One(*one),
            several if several.len() > MAX_KEYS => Self::Everything,
            _ => Self::Several(keys),
        }
    }

    /// The payload of the notice to other replicas; `None` if there is nothing to invalidate.
    pub(super) fn to_notice(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::One(InvalidationKey(slot)) => Some(slot.to_string()),
            Self::Several(keys) => {
                let slots: Vec<_> = keys.iter().map(|InvalidationKey(slot)| slot.to_string()).collect();
                Some(slots.join(","))
            }
            Self::Everything => Some("*".to_owned()),
        }
    }

    /// Parses the notice of another replica. A payload that is not understood, such as one of a newer build, invalidates everything.
    #[cfg(any(test, feature = "postgres"))]
    pub(super) fn of_notice(text: &str) -> Self {
        let key = |text: &str| text.parse().ok().filter(|slot| *slot < SLOTS).map(InvalidationKey);
        let keys: Option<Vec<_>> = text.split(',').map(key).collect();
        keys.map_or(Self::Everything, Self::of)
    }
}

/// The version of the last invalidation of each slot.
#[derive(Debug)]
pub struct Invalidations {
    latest: AtomicU64,
    /// The last invalidation of everything.
    all: AtomicU64,
    /// The last change to rows of principals by another replica.
    rows: AtomicU64,
    slots: Box<[AtomicU64]>,
}

impl Default for Invalidations {
    fn default() -> Self {
        Self::with_slots(SLOTS)
    }
}

impl Invalidations {
    /// With `count` slots. A key without a slot uses the one of [`Invalidates::Everything`].
    pub(super) fn with_slots(count: usize) -> Self {
        Self {
            latest: AtomicU64::new(0),
            all: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            slots: (0..count).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The current version. Has to be taken before the data to be cached is read.
    pub fn version(&self) -> Version {
        Version(self.latest.load(Ordering::SeqCst))
    }

    /// Records an invalidation. Has to be called once the change is, or may be, visible to readers.
    pub fn note(&self, invalidates: Invalidates) {
        match invalidates {
            Invalidates::Nothing => {}
            Invalidates::One(key) => self.note_at(self.slot_of(key)),
            Invalidates::Several(keys) => keys.into_iter().for_each(|key| self.note_at(self.slot_of(key))),
            Invalidates::Everything => self.note_at(&self.all),
        }
    }

    fn slot_of(&self, key: InvalidationKey) -> &AtomicU64 {
        self.slots.get(key.0).unwrap_or(&self.all)
    }

    fn note_at(&self, slot: &AtomicU64) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        slot.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether the entries of `key` that were read at `version` are still valid.
    pub fn is_unchanged(&self, key: InvalidationKey, version: Version) -> bool {
        let slot = self.slot_of(key);
        Version(slot.load(Ordering::SeqCst)) <= version && Version(self.all.load(Ordering::SeqCst)) <= version
    }

    /// Records that another replica has changed rows of principals: an identity that was unknown may be known now.
    #[cfg(any(test, feature = "postgres"))]
    pub fn note_rows(&self) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        self.rows.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether an identity that belonged to no principal at `version` still belongs to none. A local change that adds an identity
    /// invalidates everything.
    pub fn is_nothing_new(&self, version: Version) -> bool {
        Version(self.all.load(Ordering::SeqCst)) <= version && Version(self.rows.load(Ordering::SeqCst)) <= version
    }

    /// Whether nothing was invalidated since `version`.
    pub fn is_all_unchanged(&self, version: Version) -> bool {
        self.version() == version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two keys with different slots.
    fn two_keys() -> (InvalidationKey, InvalidationKey) {
        (InvalidationKey::of(&1), InvalidationKey::of(&2))
    }

    #[test]
    fn notice_names_its_keys_and_unknown_payload_invalidates_everything() {
        let several = Invalidates::each(&["bob", "carol"]);
        assert!(matches!(&several, Invalidates::Several(keys) if keys.len() == 2));
        for invalidates in [Invalidates::one(&"bob"), several, Invalidates::Everything] {
            assert_eq!(Invalidates::of_notice(&invalidates.to_notice().unwrap()), invalidates);
        }
        assert_eq!(Invalidates::Nothing.to_notice(), None);
        assert_eq!(Invalidates::each::<&str>(&[]), Invalidates::Nothing);
        assert_eq!(Invalidates::each(&["bob"]), Invalidates::one(&"bob"));
        assert_eq!(Invalidates::each(&(0..65).collect::<Vec<_>>()), Invalidates::Everything);
        for unknown in ["", "4096", "-1", "bob", "1,", "1,4096", "1 2"] {
            assert_eq!(Invalidates::of_notice(unknown), Invalidates::Everything, "{unknown}");
        }
        // Replicas of different builds exchange notices: the slot of an id must never change.
        assert_eq!(Invalidates::one(&"01890000-0000-7000-8000-000000000000").to_notice().unwrap(), "1382");
    }

    #[test]
    fn change_invalidates_earlier_reads_of_its_key_only() {
        let (changes, (one, other)) = (Invalidations::default(), two_keys());
        assert_ne!(one, other);
        let before = changes.version();
        changes.note(Invalidates::One(one));
        assert!(!changes.is_unchanged(one, before));
        assert!(changes.is_unchanged(other, before) && changes.is_nothing_new(before));
        assert!(!changes.is_all_unchanged(before));
        assert!(changes.is_unchanged(one, changes.version()));
    }

    #[test]
    fn change_of_several_keys_invalidates_each_of_them_only() {
        let (changes, (one, other)) = (Invalidations::default(), two_keys());
        let third = InvalidationKey::of(&3);
        let before = changes.version();
        changes.note(Invalidates::Several(vec![one, third]));
        assert!(!changes.is_unchanged(one, before) && !changes.is_unchanged(third, before));
        assert!(changes.is_unchanged(other, before));
    }

    #[test]
    fn change_of_everything_invalidates_all_keys_and_change_of_nothing_none() {
        let (changes, (one, other)) = (Invalidations::default(), two_keys());
        let before = changes.version();
        changes.note(Invalidates::Nothing);
        assert!(changes.is_unchanged(one, before) && changes.is_all_unchanged(before));
        changes.note(Invalidates::Everything);
        assert!(!changes.is_unchanged(one, before) && !changes.is_unchanged(other, before));
        assert!(!changes.is_nothing_new(before) && changes.is_nothing_new(changes.version()));
        let (before, _) = (changes.version(), changes.note_rows());
        assert!(!changes.is_nothing_new(before) && changes.is_unchanged(one, before));
        assert!(changes.is_unchanged(one, changes.version()));
    }

    #[test]
    fn read_that_started_before_a_change_stays_invalid_after_later_changes() {
        let (changes, (one, other)) = (Invalidations::default(), two_keys());
        let slow = changes.version();
        changes.note(Invalidates::One(one));
        changes.note(Invalidates::One(other));
        assert!(!changes.is_unchanged(one, slow));
    }
}
