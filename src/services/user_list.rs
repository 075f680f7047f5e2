//! The list of people, as admins look through it.

use crate::models::{PeopleFilter, PeopleOrder, PeoplePlace, Principal};
use crate::repositories::people;

use super::{Failure, Page, UserService};

impl UserService {
    /// Up to `limit` users in the order wanted, from the one after `after`.
    ///
    /// Whoever is in the list from the first page to the last, and keeps what the order looks at, is on exactly one of them,
    /// whoever else comes and goes meanwhile.
    pub async fn search(
        &self,
        filter: PeopleFilter,
        order: PeopleOrder,
        after: Option<PeoplePlace>,
        limit: u16,
    ) -> Result<Page<Principal, PeoplePlace>, Failure> {
        let now = self.clock.now();
        self.database
            .read(move |conn| {
                let found = people::list(conn, &filter, &order, after.as_ref(), now, i64::from(limit) + 1)?;
                let page = Page::cut(found, limit, |(place, _)| place.clone());
                let items = page.items.into_iter().map(|(_, person)| person).collect();
                Ok(Page { items, next: page.next })
            })
            .await
    }
}
