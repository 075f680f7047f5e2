//! Lists come in pages, by keyset: a page starts after the last item of the one before it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::models::PrincipalId;

/// Items of a page where the client does not say.
const DEFAULT_LIMIT: u8 = 50;
/// The most items of a page.
const MAX_LIMIT: u8 = 200;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items, 1 to 200.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u8,
    /// `next_cursor` of the page before; absent for the first page.
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

/// The place in a list after which a page starts: opaque to clients, an id to us.
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
    /// Where the next page starts; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<PageQuery, String> {
        actix_web::web::Query::<PageQuery>::from_query(query).map(|query| query.into_inner()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor(PrincipalId::generate());
        assert_eq!(read(&format!("cursor={cursor}")).unwrap().cursor, Some(cursor));
    }

    #[test]
    fn a_page_has_fifty_items_unless_asked_for_another_number_up_to_two_hundred() {
        assert_eq!(read("").unwrap().limit, 50);
        assert_eq!(read("limit=200").unwrap().limit, 200);
        for wrong in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=300", "cursor=x", "cursor=", "page=2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
