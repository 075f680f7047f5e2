//! What a user's roles come to, and where each is from.

use chrono::{DateTime, Utc};

use crate::models::{Grant, PrincipalId};
use crate::repositories::grants;

use super::kind::Person;
use super::{Failure, KnownPrincipal, UserService, held_role, principal_edit};

/// A user with every role that counts, those of the last token seen too, and every grant, those that have ended too.
#[derive(Clone, Debug)]
pub struct UserAccess {
    /// The user.
    pub user: KnownPrincipal,
    /// What is stored for them.
    pub grants: Vec<Grant>,
    /// When this was so.
    pub at: DateTime<Utc>,
}

impl UserService {
    /// What a user may do and why.
    pub async fn access(&self, id: PrincipalId) -> Result<UserAccess, Failure> {
        let (permissions, now) = (self.permissions.clone(), self.clock.now());
        self.database
            .read(move |conn| {
                let user = principal_edit::find::<Person>(conn, id)?;
                let roles = held_role::list(conn, &permissions, id, &user.claim_roles.0, now)?;
                Ok(UserAccess { user: KnownPrincipal::new(user, roles), grants: grants::list(conn, id)?, at: now })
            })
            .await
    }
}
