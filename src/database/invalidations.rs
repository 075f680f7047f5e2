//! What was changed since when: the order that lets somebody remember what was read, and know when it may be so no more.
//!
//! Whoever remembers takes a [`Version`] before reading. Whoever writes tells whom it touched once the transaction has ended, before its
//! caller learns of it. What was read is good for as long as nobody was touched since the mark: a reader that began before the write
//! ended has an older mark, however long it takes, so it cannot put back what was so before.

use std::fmt::{self, Display, Write};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Subjects share this many places. Two that share one are touched together, which costs a read and nothing else.
const PLACES: usize = 4096;
/// How many subjects one change names at the most; a change of more bears on everyone.
const MOST_NAMED: usize = 64;

/// A moment in the order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u64);

/// Somebody that changes are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidationKey(usize);

impl InvalidationKey {
    /// The subject of this id: the same in every replica, of whatever build.
    pub fn of(id: &impl Display) -> Self {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        // It takes every text.
        let _ = write!(hash, "{id}");
        // Cut on purpose: it is the rest that counts.
        Self(hash.0 as usize % PLACES)
    }
}

/// FNV-1a with 64 bits.
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

/// Whom a change bears on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidates {
    /// Nothing that anybody may remember.
    Nothing,
    /// This one, and nobody else.
    One(InvalidationKey),
    /// These, and nobody else.
    Several(Vec<InvalidationKey>),
    /// Whoever it may be.
    Everything,
}

impl Invalidates {
    /// The subject of this id, and nobody else.
    pub fn one(id: &impl Display) -> Self {
        Self::One(InvalidationKey::of(id))
    }

    /// The subjects of these ids, and nobody else; nobody where there are none.
    pub fn each<'a, I: Display + 'a>(ids: impl IntoIterator<Item = &'a I>) -> Self {
        Self::of(ids.into_iter().map(InvalidationKey::of).collect())
    }

    fn of(subjects: Vec<InvalidationKey>) -> Self {
        match subjects.as_slice() {
            [] => Self::Nothing,
            [one] => Self::One(*one),
            several if several.len() > MOST_NAMED => Self::Everything,
            _ => Self::Several(subjects),
        }
    }

    /// How replicas tell each other; `None` where there is nothing to tell.
    pub(super) fn to_notice(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::One(InvalidationKey(place)) => Some(place.to_string()),
            Self::Several(subjects) => {
                let places: Vec<_> = subjects.iter().map(|InvalidationKey(place)| place.to_string()).collect();
                Some(places.join(","))
            }
            Self::Everything => Some("*".to_owned()),
        }
    }

    /// What another replica told. What is not understood, a newer one's words, may bear on everyone.
    #[cfg(any(test, feature = "postgres"))]
    pub(super) fn of_notice(text: &str) -> Self {
        let subject = |text: &str| text.parse().ok().filter(|place| *place < PLACES).map(InvalidationKey);
        let subjects: Option<Vec<_>> = text.split(',').map(subject).collect();
        subjects.map_or(Self::Everything, Self::of)
    }
}

/// When whom was touched last.
#[derive(Debug)]
pub struct Invalidations {
    latest: AtomicU64,
    everyone: AtomicU64,
    /// When rows of principals were seen to have changed.
    rows: AtomicU64,
    subjects: Box<[AtomicU64]>,
}

impl Default for Invalidations {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl Invalidations {
    /// With fewer places, those without one share that of everyone.
    pub(super) fn with_places(places: usize) -> Self {
        Self {
            latest: AtomicU64::new(0),
            everyone: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            subjects: (0..places).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Now. To be taken before what is to be remembered is read.
    pub fn version(&self) -> Version {
        Version(self.latest.load(Ordering::SeqCst))
    }

    /// Tells whom a change touched. To be called once it can be seen by whoever reads, or may be.
    pub fn note(&self, invalidates: Invalidates) {
        match invalidates {
            Invalidates::Nothing => {}
            Invalidates::One(subject) => self.note_at(self.place_of(subject)),
            Invalidates::Several(subjects) => {
                subjects.into_iter().for_each(|subject| self.note_at(self.place_of(subject)))
            }
            Invalidates::Everything => self.note_at(&self.everyone),
        }
    }

    fn place_of(&self, subject: InvalidationKey) -> &AtomicU64 {
        self.subjects.get(subject.0).unwrap_or(&self.everyone)
    }

    fn note_at(&self, place: &AtomicU64) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        place.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether what was read of `subject` after `mark` is as it was.
    pub fn is_unchanged(&self, subject: InvalidationKey, version: Version) -> bool {
        let place = self.place_of(subject);
        Version(place.load(Ordering::SeqCst)) <= version && Version(self.everyone.load(Ordering::SeqCst)) <= version
    }

    /// Tells that another replica has changed rows of principals: by one of them somebody may be known who was not before.
    #[cfg(any(test, feature = "postgres"))]
    pub fn note_rows(&self) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        self.rows.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether what belonged to no subject after `mark` belongs to none still. Whatever makes a subject known by something new touches
    /// everyone.
    pub fn is_nothing_new(&self, version: Version) -> bool {
        Version(self.everyone.load(Ordering::SeqCst)) <= version && Version(self.rows.load(Ordering::SeqCst)) <= version
    }

    /// Whether everything that was read after `mark` is as it was.
    pub fn is_all_unchanged(&self, version: Version) -> bool {
        self.version() == version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two that share no place.
    fn two() -> (InvalidationKey, InvalidationKey) {
        (InvalidationKey::of(&1), InvalidationKey::of(&2))
    }

    #[test]
    fn a_notice_says_whom_it_is_about_and_in_doubt_everyone() {
        let several = Invalidates::each(&["bob", "carol"]);
        assert!(matches!(&several, Invalidates::Several(subjects) if subjects.len() == 2));
        for invalidates in [Invalidates::one(&"bob"), several, Invalidates::Everything] {
            assert_eq!(Invalidates::of_notice(&invalidates.to_notice().unwrap()), invalidates);
        }
        assert_eq!(Invalidates::Nothing.to_notice(), None);
        assert_eq!(Invalidates::each::<&str>(&[]), Invalidates::Nothing);
        assert_eq!(Invalidates::each(&["bob"]), Invalidates::one(&"bob"));
        assert_eq!(Invalidates::each(&(0..65).collect::<Vec<_>>()), Invalidates::Everything);
        for strange in ["", "4096", "-1", "bob", "1,", "1,4096", "1 2"] {
            assert_eq!(Invalidates::of_notice(strange), Invalidates::Everything, "{strange}");
        }
        // Replicas of different builds tell each other: this place may never change.
        assert_eq!(Invalidates::one(&"01890000-0000-7000-8000-000000000000").to_notice().unwrap(), "1382");
    }

    #[test]
    fn a_change_touches_whom_it_names_and_what_was_read_before_it() {
        let (changes, (one, other)) = (Invalidations::default(), two());
        assert_ne!(one, other);
        let before = changes.version();
        changes.note(Invalidates::One(one));
        assert!(!changes.is_unchanged(one, before));
        assert!(changes.is_unchanged(other, before) && changes.is_nothing_new(before));
        assert!(!changes.is_all_unchanged(before));
        assert!(changes.is_unchanged(one, changes.version()));
    }

    #[test]
    fn a_change_of_several_touches_each_of_them_and_nobody_else() {
        let (changes, (one, other)) = (Invalidations::default(), two());
        let third = InvalidationKey::of(&3);
        let before = changes.version();
        changes.note(Invalidates::Several(vec![one, third]));
        assert!(!changes.is_unchanged(one, before) && !changes.is_unchanged(third, before));
        assert!(changes.is_unchanged(other, before));
    }

    #[test]
    fn a_change_of_everyone_touches_all_and_one_of_nobody_none() {
        let (changes, (one, other)) = (Invalidations::default(), two());
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
    fn who_began_to_read_before_a_change_stays_touched_by_it_whatever_comes_after() {
        let (changes, (one, other)) = (Invalidations::default(), two());
        let slow = changes.version();
        changes.note(Invalidates::One(one));
        changes.note(Invalidates::One(other));
        assert!(!changes.is_unchanged(one, slow));
    }
}
