//! The last good key set of an issuer, as stored.

use diesel::prelude::*;

use super::Moment;
use crate::database::MultiBackend;
use crate::schema::{key_set_turns, key_sets};

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

/// Whose turn it is to fetch the keys of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_set_turns, treat_none_as_null = true, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct KeySetTurn {
    /// The canonical issuer.
    pub issuer: String,
    /// Until when somebody fetches; in the past, nobody does.
    pub taken_until: Moment,
    /// When the latest fetch ended that somebody lacked a key for, or that failed.
    pub resting_since: Option<Moment>,
    /// Whether the latest fetch failed.
    pub has_failed: bool,
}
