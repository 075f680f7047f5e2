//! What was changed since when: the order that lets somebody remember what was read, and know when it may be so no more.
//!
//! Whoever remembers takes a [`Mark`] before reading. Whoever writes tells whom it touched once the transaction has ended, before its
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
pub struct Mark(u64);

/// Somebody that changes are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject(usize);

impl Subject {
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
pub enum Touched {
    /// Nothing that anybody may remember.
    Nobody,
    /// This one, and nobody else.
    One(Subject),
    /// These, and nobody else.
    Several(Vec<Subject>),
    /// Whoever it may be.
    Everyone,
}

impl Touched {
    /// The subject of this id, and nobody else.
    pub fn one(id: &impl Display) -> Self {
        Self::One(Subject::of(id))
    }

    /// The subjects of these ids, and nobody else; nobody where there are none.
    pub fn each<'a, I: Display + 'a>(ids: impl IntoIterator<Item = &'a I>) -> Self {
        Self::of(ids.into_iter().map(Subject::of).collect())
    }

    fn of(subjects: Vec<Subject>) -> Self {
        match subjects.as_slice() {
            [] => Self::Nobody,
            [one] => Self::One(*one),
            several if several.len() > MOST_NAMED => Self::Everyone,
            _ => Self::Several(subjects),
        }
    }

    /// How replicas tell each other; `None` where there is nothing to tell.
    pub(super) fn to_notice(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::One(Subject(place)) => Some(place.to_string()),
            Self::Several(subjects) => {
                let places: Vec<_> = subjects.iter().map(|Subject(place)| place.to_string()).collect();
                Some(places.join(","))
            }
            Self::Everyone => Some("*".to_owned()),
        }
    }

    /// What another replica told. What is not understood, a newer one's words, may bear on everyone.
    #[cfg(any(test, feature = "postgres"))]
    pub(super) fn of_notice(text: &str) -> Self {
        let subject = |text: &str| text.parse().ok().filter(|place| *place < PLACES).map(Subject);
        let subjects: Option<Vec<_>> = text.split(',').map(subject).collect();
        subjects.map_or(Self::Everyone, Self::of)
    }
}

/// When whom was touched last.
#[derive(Debug)]
pub struct Changes {
    latest: AtomicU64,
    everyone: AtomicU64,
    /// When rows of principals were seen to have changed.
    rows: AtomicU64,
    subjects: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl Changes {
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
    pub fn mark(&self) -> Mark {
        Mark(self.latest.load(Ordering::SeqCst))
    }

    /// Tells whom a change touched. To be called once it can be seen by whoever reads, or may be.
    pub fn note(&self, touched: Touched) {
        match touched {
            Touched::Nobody => {}
            Touched::One(subject) => self.note_at(self.place_of(subject)),
            Touched::Several(subjects) => subjects.into_iter().for_each(|subject| self.note_at(self.place_of(subject))),
            Touched::Everyone => self.note_at(&self.everyone),
        }
    }

    fn place_of(&self, subject: Subject) -> &AtomicU64 {
        self.subjects.get(subject.0).unwrap_or(&self.everyone)
    }

    fn note_at(&self, place: &AtomicU64) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        place.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether what was read of `subject` after `mark` is as it was.
    pub fn is_unchanged(&self, subject: Subject, mark: Mark) -> bool {
        let place = self.place_of(subject);
        Mark(place.load(Ordering::SeqCst)) <= mark && Mark(self.everyone.load(Ordering::SeqCst)) <= mark
    }

    /// Tells that another replica has changed rows of principals: by one of them somebody may be known who was not before.
    #[cfg(any(test, feature = "postgres"))]
    pub fn note_rows(&self) {
        let now = self.latest.fetch_add(1, Ordering::SeqCst) + 1;
        self.rows.fetch_max(now, Ordering::SeqCst);
    }

    /// Whether what belonged to no subject after `mark` belongs to none still. Whatever makes a subject known by something new touches
    /// everyone.
    pub fn is_nothing_new(&self, mark: Mark) -> bool {
        Mark(self.everyone.load(Ordering::SeqCst)) <= mark && Mark(self.rows.load(Ordering::SeqCst)) <= mark
    }

    /// Whether everything that was read after `mark` is as it was.
    pub fn is_all_unchanged(&self, mark: Mark) -> bool {
        self.mark() == mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two that share no place.
    fn two() -> (Subject, Subject) {
        (Subject::of(&1), Subject::of(&2))
    }

    #[test]
    fn a_notice_says_whom_it_is_about_and_in_doubt_everyone() {
        let several = Touched::each(&["bob", "carol"]);
        assert!(matches!(&several, Touched::Several(subjects) if subjects.len() == 2));
        for touched in [Touched::one(&"bob"), several, Touched::Everyone] {
            assert_eq!(Touched::of_notice(&touched.to_notice().unwrap()), touched);
        }
        assert_eq!(Touched::Nobody.to_notice(), None);
        assert_eq!(Touched::each::<&str>(&[]), Touched::Nobody);
        assert_eq!(Touched::each(&["bob"]), Touched::one(&"bob"));
        assert_eq!(Touched::each(&(0..65).collect::<Vec<_>>()), Touched::Everyone);
        for strange in ["", "4096", "-1", "bob", "1,", "1,4096", "1 2"] {
            assert_eq!(Touched::of_notice(strange), Touched::Everyone, "{strange}");
        }
        // Replicas of different builds tell each other: this place may never change.
        assert_eq!(Touched::one(&"01890000-0000-7000-8000-000000000000").to_notice().unwrap(), "1382");
    }

    #[test]
    fn a_change_touches_whom_it_names_and_what_was_read_before_it() {
        let (changes, (one, other)) = (Changes::default(), two());
        assert_ne!(one, other);
        let before = changes.mark();
        changes.note(Touched::One(one));
        assert!(!changes.is_unchanged(one, before));
        assert!(changes.is_unchanged(other, before) && changes.is_nothing_new(before));
        assert!(!changes.is_all_unchanged(before));
        assert!(changes.is_unchanged(one, changes.mark()));
    }

    #[test]
    fn a_change_of_several_touches_each_of_them_and_nobody_else() {
        let (changes, (one, other)) = (Changes::default(), two());
        let third = Subject::of(&3);
        let before = changes.mark();
        changes.note(Touched::Several(vec![one, third]));
        assert!(!changes.is_unchanged(one, before) && !changes.is_unchanged(third, before));
        assert!(changes.is_unchanged(other, before));
    }

    #[test]
    fn a_change_of_everyone_touches_all_and_one_of_nobody_none() {
        let (changes, (one, other)) = (Changes::default(), two());
        let before = changes.mark();
        changes.note(Touched::Nobody);
        assert!(changes.is_unchanged(one, before) && changes.is_all_unchanged(before));
        changes.note(Touched::Everyone);
        assert!(!changes.is_unchanged(one, before) && !changes.is_unchanged(other, before));
        assert!(!changes.is_nothing_new(before) && changes.is_nothing_new(changes.mark()));
        let (before, _) = (changes.mark(), changes.note_rows());
        assert!(!changes.is_nothing_new(before) && changes.is_unchanged(one, before));
        assert!(changes.is_unchanged(one, changes.mark()));
    }

    #[test]
    fn who_began_to_read_before_a_change_stays_touched_by_it_whatever_comes_after() {
        let (changes, (one, other)) = (Changes::default(), two());
        let slow = changes.mark();
        changes.note(Touched::One(one));
        changes.note(Touched::One(other));
        assert!(!changes.is_unchanged(one, slow));
    }
}
