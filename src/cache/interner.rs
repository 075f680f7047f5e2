//! Interned sets: equal sets, such as the scopes of one client's tokens or the permissions of one role, share one allocation.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

/// The capacity. An evicted set that is still in use is merely allocated again when it is next requested.
const MAX_SETS: usize = 256;

/// The recently used sets.
pub(crate) struct Interner<T>(Cache<Key<T>, Arc<BTreeSet<T>>>);

/// A set, looked up by its elements.
struct Key<T>(Arc<BTreeSet<T>>);

/// The elements of a set to look up: sorted and without duplicates.
struct Presented<'a, E>(&'a [E]);

impl<T: Ord + Hash> Default for Interner<T> {
    fn default() -> Self {
        Self(Cache::new(MAX_SETS))
    }
}

impl<T: Ord + Hash> Interner<T> {
    /// The shared set of `elements`. An `E` and the `T` made from it must have equal hashes and the same order.
    pub(crate) fn share<E>(&self, mut elements: Vec<E>) -> Arc<BTreeSet<T>>
    where
        T: PartialEq<E> + From<E>,
        E: Ord + Hash,
    {
        elements.sort_unstable();
        elements.dedup();
        self.0.get(&Presented(&elements)).unwrap_or_else(|| {
            let set: Arc<BTreeSet<T>> = Arc::new(elements.into_iter().map(T::from).collect());
            self.0.insert(Key(Arc::clone(&set)), Arc::clone(&set));
            set
        })
    }

    /// Whether `set` has another owner, so that keeping it takes no extra memory.
    pub(crate) fn is_shared(set: &Arc<BTreeSet<T>>) -> bool {
        // Two references belong to the cache (key and value), one to the caller.
        Arc::strong_count(set) > 3
    }
}

impl<T: Hash> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|element| element.hash(state));
    }
}

impl<E: Hash> Hash for Presented<'_, E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|element| element.hash(state));
    }
}

impl<T: PartialEq> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Key<T> {}

impl<T: PartialEq<E>, E> Equivalent<Key<T>> for Presented<'_, E> {
    fn equivalent(&self, key: &Key<T>) -> bool {
        key.0.len() == self.0.len() && key.0.iter().zip(self.0).all(|(own, other)| own == other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_share_one_allocation() {
        let sets = Interner::<String>::default();
        let one = sets.share(vec!["a", "b"]);
        assert_eq!(*one, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert!(!Interner::is_shared(&one));
        let another = sets.share(vec!["b", "a", "b"]);
        assert!(Arc::ptr_eq(&one, &another) && Interner::is_shared(&one));
        for other in [vec![], vec!["a"], vec!["ab"], vec!["a", "b", "c"]] {
            assert!(!Arc::ptr_eq(&one, &sets.share(other)));
        }
    }

    #[test]
    fn number_of_sets_is_bounded() {
        let sets = Interner::<String>::default();
        for number in 0..10 * MAX_SETS {
            sets.share(vec![number.to_string()]);
        }
        assert!(sets.0.len() <= MAX_SETS);
    }
}
