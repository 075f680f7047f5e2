//! The caller cache: once a change is acknowledged, nobody is let in by what was read before it.
//!
//! A reader does what `PrincipalCache` has it do: it takes the version, reads, looks whether the version is still good, and inserts; whoever finds
//! the entry looks again. The database is a number with no order of its own, the weakest that there is: so the order comes from `Invalidations` alone.

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::database::{self, Invalidations, Version, Invalidates, subject};

struct World {
    changes: Invalidations,
    /// A row: how often it was changed.
    row: AtomicU64,
    /// What is remembered of it, and the version.
    cache: Mutex<Option<(u64, Version)>>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self { changes: database::changes(), row: AtomicU64::new(0), cache: Mutex::new(None) })
    }

    /// A request that knows nothing: `PrincipalService::resolve`, then `PrincipalCache::keep`.
    fn read(&self, is_good: impl Fn(&Invalidations, Version) -> bool) {
        let version = self.changes.version();
        let row = self.row.load(Ordering::Relaxed);
        if is_good(&self.changes, version) {
            *self.cache.lock().unwrap() = Some((row, version));
        }
    }

    /// A change, which is acknowledged once this returns: `Database::write`.
    fn write(&self, invalidates: Invalidates) {
        self.row.fetch_add(1, Ordering::Relaxed);
        self.changes.note(invalidates);
    }

    /// `PrincipalCache::find`.
    fn find(&self, is_good: impl Fn(&Invalidations, Version) -> bool) -> Option<u64> {
        let (row, version) = (*self.cache.lock().unwrap())?;
        is_good(&self.changes, version).then_some(row)
    }
}

fn of_subject(changes: &Invalidations, version: Version) -> bool {
    changes.is_unchanged(subject(), version)
}

fn of_all(changes: &Invalidations, version: Version) -> bool {
    changes.is_all_unchanged(version)
}

/// A reader beside changes; whoever comes after all of them is served none of what they replaced.
fn changes_beside_a_reader(invalidates: &[Invalidates], is_good: fn(&Invalidations, Version) -> bool) {
    let world = World::new();
    let reader = {
        let world = Arc::clone(&world);
        thread::spawn(move || world.read(is_good))
    };
    // One of them by this thread itself: every thread more multiplies the orders.
    let (own, others) = invalidates.split_last().expect("a change");
    let writers: Vec<_> = others
        .iter()
        .map(|invalidates| {
            let (world, invalidates) = (Arc::clone(&world), invalidates.clone());
            thread::spawn(move || world.write(invalidates))
        })
        .collect();
    world.write(own.clone());
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let written = invalidates.len() as u64;
    // The reader may be anywhere: at its start, or about to insert what it read long ago.
    assert!(
        world.find(is_good).is_none_or(|row| row == written),
        "served as before the change, while a reader is slow"
    );
    reader.join().unwrap();
    assert!(world.find(is_good).is_none_or(|row| row == written), "put back as before the change");
}

pub(crate) fn one_change() {
    changes_beside_a_reader(&[Invalidates::One(subject())], of_subject);
}

pub(crate) fn two_changes() {
    changes_beside_a_reader(&[Invalidates::One(subject()), Invalidates::One(subject())], of_subject);
}

pub(crate) fn everyone() {
    changes_beside_a_reader(&[Invalidates::Everything], of_subject);
}

pub(crate) fn all_changes() {
    changes_beside_a_reader(&[Invalidates::One(subject())], of_all);
}

/// An identity that nobody has is cached as refused until anything can have made it known: here a row of another replica.
pub(crate) fn unknown_identity() {
    let is_good = |changes: &Invalidations, version| changes.is_nothing_new(version);
    let world = World::new();
    let reader = {
        let world = Arc::clone(&world);
        thread::spawn(move || world.read(is_good))
    };
    world.row.fetch_add(1, Ordering::Relaxed);
    world.changes.note_rows();
    assert!(world.find(is_good).is_none_or(|row| row == 1), "served as before the change, while a reader is slow");
    reader.join().unwrap();
    assert!(world.find(is_good).is_none_or(|row| row == 1), "put back as before the change");
}
