//! The state of a client's request budget.

use std::sync::Arc;

use governor::state::InMemoryState;

/// The number of states in one allocation.
const BLOCK: usize = 16;

/// The state of one client's budget: looked up by name once, and stored with the client from then on.
///
/// A state is a number of eight bytes. The states of clients that arrive in sequence are adjacent, so that those of a thousand clients
/// fit in the processor's cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    states: Arc<[InMemoryState; BLOCK]>,
    index: usize,
}

impl Tally {
    pub(crate) fn state(&self) -> &InMemoryState {
        let [first, ..] = &*self.states;
        self.states.get(self.index).unwrap_or(first)
    }

    /// Returns this unused state, and replaces it with the next one.
    pub(crate) fn take(&mut self) -> Self {
        let index = self.index + 1;
        let next = if index < BLOCK { Self { states: Arc::clone(&self.states), index } } else { Self::default() };
        std::mem::replace(self, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_taken_once() {
        let mut next = Tally::default();
        let taken: Vec<_> = (0..5 * BLOCK).map(|_| next.take()).collect();
        for (number, tally) in taken.iter().enumerate() {
            let others = taken.iter().enumerate().filter(|(other, _)| *other != number);
            assert!(others.into_iter().all(|(_, other)| !std::ptr::eq(tally.state(), other.state())), "{number}");
        }
    }
}
