//! The user list for admins: filters, orders and pages.

use crate::models::{PeopleFilter, PeopleOrder, PeoplePlace, Principal};
use crate::repositories::people;

use crate::services::{Failure, Page, UserService};

impl UserService {
    /// Returns up to `limit` users that match `filter`, in `order`, starting after `after`.
    ///
    /// Pagination is stable: a user who is present throughout with an unchanged sort key appears on exactly one page.
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
                let items = page.items.into_iter().map(|(_, user)| user).collect();
                Ok(Page { items, next: page.next })
            })
            .await
    }
}
