//! A part of a list.

use crate::models::PrincipalId;

/// The rows of one page and where the next begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the order of their ids.
    pub items: Vec<T>,
    /// The id to go on after; `None` on the last page.
    pub next: Option<PrincipalId>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows out of one row more than that, which only says whether there is a next page.
    pub(super) fn cut(mut rows: Vec<T>, limit: u16, id: impl Fn(&T) -> PrincipalId) -> Self {
        let limit = usize::from(limit);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(id);
        Self { items: rows, next }
    }
}
