//! The session of a person's browser, as stored.

use std::fmt;

use diesel::prelude::*;

use super::{Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::sessions;

/// One session. Its `Debug` prints no secret.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(MultiBackend))]
pub struct Session {
    /// Names it to its owner; opens nothing.
    pub id: String,
    /// SHA-256 of what the cookie holds.
    pub token_hash: String,
    /// Whose it is.
    pub principal_id: PrincipalId,
    /// The canonical issuer.
    pub issuer: String,
    /// The issuer's `sub`.
    pub provider_subject: String,
    /// The issuer's `sid`.
    pub provider_session: Option<String>,
    /// What the sign-in proved, sealed.
    pub claims: String,
    /// Sealed.
    pub refresh_token: Option<String>,
    /// Sealed.
    pub id_token: String,
    /// What the browser called itself.
    pub device: Option<String>,
    /// When, by the issuer's clock.
    pub signed_in_at: Moment,
    /// When it began here.
    pub created_at: Moment,
    /// When it was last used, to the minute.
    pub last_used_at: Moment,
    /// When the issuer last stood by it.
    pub proved_at: Moment,
    /// When it ends at the latest.
    pub ends_at: Moment,
    /// Until when somebody asks the issuer about it.
    pub leased_until: Option<Moment>,
}

/// What a renewed proof changes in a session.
#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
pub struct SessionRenewal {
    /// What was proved, sealed.
    pub claims: String,
    /// Sealed; `None` keeps what there is.
    pub refresh_token: Option<String>,
    /// Sealed; `None` keeps what there is.
    pub id_token: Option<String>,
    /// When.
    pub proved_at: Moment,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("principal_id", &self.principal_id)
            .finish_non_exhaustive()
    }
}
