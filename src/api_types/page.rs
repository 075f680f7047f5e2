//! Keyset pagination: a page starts after the last item of the previous page.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::models::PrincipalId;

/// The default number of items on a page.
const DEFAULT_LIMIT: u8 = 50;
/// The maximum number of items on a page.
const MAX_LIMIT: u8 = 200;

/// The page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The maximum number of items on a page, 1 to 200.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u8,
    /// The `next_cursor` of the previous page; absent for the first page.
    #[param(value_type = Option<String>)]
    pub(crate) cursor: Option<Cursor>,
}

pub(super) fn default_limit() -> u8 {
    DEFAULT_LIMIT
}

pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let limit = u8::deserialize(deserializer).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| serde::de::Error::custom(", expected a `limit` from 1 to 200"))
}

/// The position after which a page starts. It encodes an id, and is opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) PrincipalId);

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0.to_string()))
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let id = id.and_then(|id| id.parse().ok());
        id.map(Cursor).ok_or_else(|| serde::de::Error::custom(", expected the `next_cursor` of a page as `cursor`"))
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageResponse<T: ToSchema> {
    /// The items, in the order of the list.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; null on the last page.
    pub(crate) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<PageQuery, String> {
        actix_web::web::Query::<PageQuery>::from_query(query).map(|query| query.into_inner()).map_err(|e| e.to_string())
    }

    #[test]
    fn cursor_round_trips() {
        let cursor = Cursor(PrincipalId::generate());
        assert_eq!(read(&format!("cursor={cursor}")).unwrap().cursor, Some(cursor));
    }

    #[test]
    fn limit_defaults_to_50_and_is_accepted_from_1_to_200() {
        assert_eq!(read("").unwrap().limit, 50);
        assert_eq!(read("limit=200").unwrap().limit, 200);
        for wrong in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=300", "cursor=x", "cursor=", "page=2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
