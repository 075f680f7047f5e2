//! A page of a list.

use crate::models::PrincipalId;

/// The rows of one page, and the position of the next page.
#[derive(Clone, Debug)]
pub struct Page<T, Position = PrincipalId> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// The position after which the next page starts, an id where the list is ordered by id; `None` on the last page.
    pub next: Option<Position>,
}

impl<T, Position> Page<T, Position> {
    /// Returns a page of up to `limit` rows. `rows` holds one more than `limit` if there is a next page.
    pub(super) fn cut(mut rows: Vec<T>, limit: u16, position_of: impl Fn(&T) -> Position) -> Self {
        let limit = usize::from(limit);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(position_of);
        Self { items: rows, next }
    }
}
