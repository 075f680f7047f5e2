//! Stored browser sessions.

use std::fmt;

use diesel::prelude::*;

use super::{Moment, PrincipalId};
use crate::database::MultiBackend;
use crate::schema::sessions;

/// A browser session. `Debug` prints no secret.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(MultiBackend))]
pub struct Session {
    /// The public id of the session; not a credential.
    pub id: String,
    /// The SHA-256 hash of the cookie's token.
    pub token_hash: String,
    /// The user of the session.
    pub principal_id: PrincipalId,
    /// The canonical issuer.
    pub issuer: String,
    /// The issuer's `sub`.
    pub provider_subject: String,
    /// The issuer's `sid`.
    pub provider_session: Option<String>,
    /// The claims of the sign-in, encrypted.
    pub claims: String,
    /// The refresh token, encrypted.
    pub refresh_token: Option<String>,
    /// The ID token, encrypted.
    pub id_token: String,
    /// The `User-Agent` of the browser.
    pub device: Option<String>,
    /// The time of the sign-in, by the issuer's clock.
    pub signed_in_at: Moment,
    /// The creation time, by the clock of this service.
    pub created_at: Moment,
    /// The time of the last use, to the minute.
    pub last_used_at: Moment,
    /// The last time the issuer confirmed the session.
    pub proved_at: Moment,
    /// The time at which the session ends at the latest.
    pub ends_at: Moment,
    /// The end of the lease of a running renewal at the issuer, if any.
    pub leased_until: Option<Moment>,
}

/// The changes of a session after a renewal at the issuer.
#[derive(AsChangeset)]
#[diesel(table_name = sessions)]
pub struct SessionRenewal {
    /// The new claims, encrypted.
    pub claims: String,
    /// The new refresh token, encrypted; `None` keeps the stored one.
    pub refresh_token: Option<String>,
    /// The new ID token, encrypted; `None` keeps the stored one.
    pub id_token: Option<String>,
    /// The time of the renewal.
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
