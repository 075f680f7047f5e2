//! People, as admins manage them: besides the life cycle that they share with programs, the list of them.

use crate::models::{Principal, PrincipalId};
use crate::repositories::principals;

use super::account_type::User;
use super::accounts::Accounts;
use super::{Failure, Page};

/// The use cases of users. Cheap to clone.
pub type UserService = Accounts<User>;

impl UserService {
    /// Up to `limit` users in the order of their ids, from the one after `after`.
    pub async fn list(&self, limit: u16, after: Option<PrincipalId>) -> Result<Page<Principal>, Failure> {
        self.database
            .read(move |conn| {
                let people = principals::list_people(conn, after, i64::from(limit) + 1)?;
                Ok(Page::cut(people, limit, |person| person.id))
            })
            .await
    }
}
