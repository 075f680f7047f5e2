//! Administration of users: the shared account life cycle, and the user list.

use crate::models::{Principal, PrincipalId};
use crate::repositories::principals;

use super::Accounts;
use super::account_type::User;
use crate::services::{Failure, Page};

/// The use cases of users. Cheap to clone.
pub type UserService = Accounts<User>;

impl UserService {
    /// Returns up to `limit` users, ordered by id, starting after `after`.
    pub async fn list(&self, limit: u16, after: Option<PrincipalId>) -> Result<Page<Principal>, Failure> {
        self.database
            .read(move |conn| {
                let users = principals::list_users(conn, after, i64::from(limit) + 1)?;
                Ok(Page::cut(users, limit, |user| user.id))
            })
            .await
    }
}
