//! Sets of names that many tokens have alike: the scopes of one client, the roles of one team. Each is kept once.

use std::collections::BTreeSet;
use std::sync::Arc;

use quick_cache::sync::Cache;

/// How many sets are known of one issuer. What is not known any more is only kept once more.
const MAX_SETS: usize = 256;

/// The sets that proved tokens had lately.
pub(super) struct SharedSets(Cache<Arc<BTreeSet<String>>, Arc<BTreeSet<String>>>);

impl Default for SharedSets {
    fn default() -> Self {
        Self(Cache::new(MAX_SETS))
    }
}

impl SharedSets {
    /// `set`, in the one place where it is kept.
    pub(super) fn share(&self, set: BTreeSet<String>) -> Arc<BTreeSet<String>> {
        self.0.get(&set).unwrap_or_else(|| {
            let set = Arc::new(set);
            self.0.insert(Arc::clone(&set), Arc::clone(&set));
            set
        })
    }

    /// Whether somebody else has got `set` too, so that keeping it costs nothing.
    pub(super) fn is_shared(set: &Arc<BTreeSet<String>>) -> bool {
        // The table has it twice.
        Arc::strong_count(set) > 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_one() {
        let (sets, set) = (SharedSets::default(), || BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let one = sets.share(set());
        assert!(!SharedSets::is_shared(&one));
        let another = sets.share(set());
        assert!(Arc::ptr_eq(&one, &another) && SharedSets::is_shared(&one));
        assert!(!Arc::ptr_eq(&one, &sets.share(BTreeSet::new())));
    }

    #[test]
    fn their_number_is_bounded() {
        let sets = SharedSets::default();
        for number in 0..10 * MAX_SETS {
            sets.share(BTreeSet::from([number.to_string()]));
        }
        assert!(sets.0.len() <= MAX_SETS);
    }
}
