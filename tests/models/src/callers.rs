//! The caches of callers: once a change is acknowledged, no entry that was read before it is served.
//!
//! A reader follows `PrincipalService::look_up`: it takes the version, reads, checks that the version is still valid, and inserts by identity
//! (`PrincipalCache`). Then it inserts by token (`CallerCache`) without a further check. A lookup in either cache checks the version again.
//! The database is an atomic with relaxed ordering, the weakest possible, so the order comes from `Invalidations` alone.

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::database::{self, Invalidations, Version, Invalidates, key};

struct World {
    changes: Invalidations,
    /// A row: the number of changes to it.
    row: AtomicU64,
    /// The row and its version, by identity.
    by_identity: Mutex<Option<(u64, Version)>>,
    /// The same, by token.
    by_token: Mutex<Option<(u64, Version)>>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            changes: database::changes(),
            row: AtomicU64::new(0),
            by_identity: Mutex::new(None),
            by_token: Mutex::new(None),
        })
    }

    /// A request without a cache entry: `PrincipalService::look_up` with `PrincipalCache::insert`, then `CallerCache::insert`.
    fn read(&self, is_valid: impl Fn(&Invalidations, Version) -> bool) {
        let version = self.changes.version();
        let row = self.row.load(Ordering::Relaxed);
        if is_valid(&self.changes, version) {
            *self.by_identity.lock().unwrap() = Some((row, version));
        }
        *self.by_token.lock().unwrap() = Some((row, version));
    }

    /// A change, acknowledged when this returns: `Database::write`.
    fn write(&self, invalidates: Invalidates) {
        self.row.fetch_add(1, Ordering::Relaxed);
        self.changes.note(invalidates);
    }

    /// `Authenticator::cached`: `CachedCaller::into_parts`, then `PrincipalCache::find`.
    fn find(&self, is_valid: impl Fn(&Invalidations, Version) -> bool) -> Option<u64> {
        let in_cache = |cache: &Mutex<Option<(u64, Version)>>| {
            let (row, version) = (*cache.lock().unwrap())?;
            is_valid(&self.changes, version).then_some(row)
        };
        in_cache(&self.by_token).or_else(|| in_cache(&self.by_identity))
    }
}

fn is_valid_for_key(changes: &Invalidations, version: Version) -> bool {
    changes.is_unchanged(key(), version)
}

fn is_valid_for_all(changes: &Invalidations, version: Version) -> bool {
    changes.is_all_unchanged(version)
}

/// Runs changes concurrently with a reader, and asserts that a lookup after all changes finds no entry from before them.
fn changes_with_concurrent_reader(invalidates: &[Invalidates], is_valid: fn(&Invalidations, Version) -> bool) {
    let world = World::new();
    let reader = {
        let world = Arc::clone(&world);
        thread::spawn(move || world.read(is_valid))
    };
    // This thread makes the last change itself: every further thread multiplies the orders.
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
    // The reader may be at any point: at its start, or about to insert an old row.
    assert!(
        world.find(is_valid).is_none_or(|row| row == written),
        "an old row is served while a reader is slow"
    );
    reader.join().unwrap();
    assert!(world.find(is_valid).is_none_or(|row| row == written), "a slow reader has inserted an old row");
}

pub(crate) fn one_change() {
    changes_with_concurrent_reader(&[Invalidates::One(key())], is_valid_for_key);
}

pub(crate) fn two_changes() {
    changes_with_concurrent_reader(&[Invalidates::One(key()), Invalidates::One(key())], is_valid_for_key);
}

pub(crate) fn everything() {
    changes_with_concurrent_reader(&[Invalidates::Everything], is_valid_for_key);
}

pub(crate) fn all_changes() {
    changes_with_concurrent_reader(&[Invalidates::One(key())], is_valid_for_all);
}

/// The refusal of an unknown identity is cached until a change may have added the identity: here a row written by another replica.
pub(crate) fn unknown_identity() {
    let is_valid = |changes: &Invalidations, version| changes.is_nothing_new(version);
    let world = World::new();
    let reader = {
        let world = Arc::clone(&world);
        thread::spawn(move || world.read(is_valid))
    };
    world.row.fetch_add(1, Ordering::Relaxed);
    world.changes.note_rows();
    assert!(world.find(is_valid).is_none_or(|row| row == 1), "an old row is served while a reader is slow");
    reader.join().unwrap();
    assert!(world.find(is_valid).is_none_or(|row| row == 1), "a slow reader has inserted an old row");
}
