//! How much of a budget somebody has used up.

use std::sync::Arc;

use governor::state::InMemoryState;

/// How many lie together.
const SHEET: usize = 16;

/// What one client has used up, for whoever keeps it: found by name once, and kept with the client from then on.
///
/// It is a number of eight bytes. Those of clients who come one after another lie side by side, so that a thousand people who take turns
/// find theirs in the processor's own memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    sheet: Arc<[InMemoryState; SHEET]>,
    place: usize,
}

impl Tally {
    pub(crate) fn state(&self) -> &InMemoryState {
        let [first, ..] = &*self.sheet;
        self.sheet.get(self.place).unwrap_or(first)
    }

    /// Takes this one, which nobody has used, and leaves the next.
    pub(crate) fn take(&mut self) -> Self {
        let place = self.place + 1;
        let next = if place < SHEET { Self { sheet: Arc::clone(&self.sheet), place } } else { Self::default() };
        std::mem::replace(self, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once() {
        let mut next = Tally::default();
        let taken: Vec<_> = (0..5 * SHEET).map(|_| next.take()).collect();
        for (number, tally) in taken.iter().enumerate() {
            let others = taken.iter().enumerate().filter(|(other, _)| *other != number);
            assert!(others.into_iter().all(|(_, other)| !std::ptr::eq(tally.state(), other.state())), "{number}");
        }
    }
}
