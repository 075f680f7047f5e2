//! A part of a list.

use crate::models::PrincipalId;

/// The rows of one page and where the next begins.
#[derive(Clone, Debug)]
pub struct Page<T, Place = PrincipalId> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// The place to go on after, an id where the list is in the order of ids; `None` on the last page.
    pub next: Option<Place>,
}

impl<T, Place> Page<T, Place> {
    /// Makes a page of `limit` rows out of one row more than that, which only says whether there is a next page.
    pub(super) fn cut(mut rows: Vec<T>, limit: u16, place: impl Fn(&T) -> Place) -> Self {
        let limit = usize::from(limit);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(place);
        Self { items: rows, next }
    }
}
