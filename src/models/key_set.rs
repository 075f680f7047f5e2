//! The stored key set of an issuer and its fetch lease.

use diesel::prelude::*;

use super::Moment;
use crate::database::MultiBackend;
use crate::schema::{key_set_turns, key_sets};

/// A JWK Set document with its fetch time.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_sets, check_for_backend(MultiBackend))]
pub struct StoredKeySet {
    /// The canonical issuer.
    pub issuer: String,
    /// The document as fetched.
    pub document: String,
    /// The time of the fetch.
    pub fetched_at: Moment,
}

/// The lease for fetching the keys of an issuer, shared by all replicas.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_set_turns, treat_none_as_null = true, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct KeySetTurn {
    /// The canonical issuer.
    pub issuer: String,
    /// The end of the current lease; in the past if no fetch is running.
    pub taken_until: Moment,
    /// The start of the cooldown: the end of the latest fetch that a missing key caused or that failed.
    pub resting_since: Option<Moment>,
    /// Whether the latest fetch failed.
    pub has_failed: bool,
}
