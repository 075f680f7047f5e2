//! The last good key set of an issuer, as stored.

use diesel::prelude::*;

use super::Moment;
use crate::database::MultiBackend;
use crate::schema::key_sets;

/// A JWK Set document and when it was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_sets, check_for_backend(MultiBackend))]
pub struct StoredKeySet {
    /// The canonical issuer.
    pub issuer: String,
    /// The document as it was fetched.
    pub document: String,
    /// When it was fetched.
    pub fetched_at: Moment,
}
