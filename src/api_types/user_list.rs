//! The filters, order and cursor of the list of users. A cursor is valid for one combination of filters and order.

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::page::{default_limit, limit};
use super::rfc3339;
use crate::models::{ClientTime, PeopleFilter, PeopleOrder, PeoplePlace, PrincipalId, PrincipalStatus};
use crate::text::name::{is_line, normalized};

/// The filters, the order and the page of a list of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsersQuery {
    /// The maximum number of users on a page, 1 to 200.
    #[serde(default = "default_limit", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: u8,
    /// The `next_cursor` of the previous page, with the same filters and order; absent for the first page.
    cursor: Option<String>,
    /// Only users with this status. Without it, all users except deleted ones.
    #[param(inline)]
    status: Option<StatusFilter>,
    /// Only users with a current grant of this role.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    role: Option<String>,
    /// Only users with this e-mail address; case-insensitive.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    email: Option<String>,
    /// Only users with a name, a word in a name, a user name or an e-mail address that starts with this prefix; case-insensitive. The
    /// users are in the order of the matching term, so `q` excludes `sort`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    q: Option<String>,
    /// The order: by creation (`id`, the default), by display name, or by the time of the last token, users without one first.
    #[param(inline)]
    sort: Option<UserSort>,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StatusFilter {
    Pending,
    Active,
    Disabled,
    Deleted,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum UserSort {
    Id,
    DisplayName,
    LastSeenAt,
}

/// Two query parameters contradict each other. The text names them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contradiction(pub(crate) &'static str);

impl ListUsersQuery {
    pub(crate) fn filter(&self) -> PeopleFilter {
        let status = self.status.map(|status| match status {
            StatusFilter::Pending => PrincipalStatus::Pending,
            StatusFilter::Active => PrincipalStatus::Active,
            StatusFilter::Disabled => PrincipalStatus::Disabled,
            StatusFilter::Deleted => PrincipalStatus::Deleted,
        });
        PeopleFilter { status, role: self.role.clone(), email: self.email.clone() }
    }

    pub(crate) fn order(&self) -> Result<PeopleOrder, Contradiction> {
        match (&self.q, self.sort) {
            (Some(_), Some(_)) => Err(Contradiction("`q` has its own order. Omit `sort`.")),
            (Some(prefix), None) => Ok(PeopleOrder::Match(prefix.clone())),
            (None, None | Some(UserSort::Id)) => Ok(PeopleOrder::Id),
            (None, Some(UserSort::DisplayName)) => Ok(PeopleOrder::DisplayName),
            (None, Some(UserSort::LastSeenAt)) => Ok(PeopleOrder::LastSeen),
        }
    }

    /// Returns the position of the cursor. Fails if the cursor belongs to other filters or another order.
    pub(crate) fn after(&self) -> Result<Option<PeoplePlace>, Contradiction> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let foreign = Contradiction("`cursor` must be the `next_cursor` of a page with the same filters and order.");
        let place = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let place = place.filter(|place: &CursorContent| place.question == self.question());
        place.and_then(|place| self.place(place)).map(Some).ok_or(foreign)
    }

    fn place(&self, CursorContent { key, id, .. }: CursorContent) -> Option<PeoplePlace> {
        match self.order().ok()? {
            PeopleOrder::Id => Some(PeoplePlace::Id(id)),
            PeopleOrder::DisplayName => Some(PeoplePlace::DisplayName(key?, id)),
            PeopleOrder::Match(_) => Some(PeoplePlace::Match(key?, id)),
            PeopleOrder::LastSeen => {
                let seen = key.map(|time| time.parse::<ClientTime>()).transpose().ok()?;
                Some(PeoplePlace::LastSeen(seen.map(Into::into), id))
            }
        }
    }

    /// Returns the cursor of `place`.
    pub(crate) fn cursor(&self, place: PeoplePlace) -> String {
        let (key, id) = match place {
            PeoplePlace::Id(id) => (None, id),
            PeoplePlace::DisplayName(key, id) | PeoplePlace::Match(key, id) => (Some(key), id),
            PeoplePlace::LastSeen(seen, id) => (seen.map(|seen| rfc3339(seen.utc())), id),
        };
        let content = CursorContent { question: self.question(), key, id };
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!(content).to_string())
    }

    /// Returns the query string of the page at `cursor`.
    pub(crate) fn query_at(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        for (name, value) in self.parameters() {
            query.append_pair(name, &value);
        }
        query.append_pair("cursor", cursor).finish()
    }

    /// Returns the filters and the order as query parameters.
    fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let word = |value: serde_json::Value| value.as_str().map(str::to_owned);
        let parameters = [
            ("status", self.status.and_then(|status| word(serde_json::json!(status)))),
            ("role", self.role.clone()),
            ("email", self.email.clone()),
            ("q", self.q.clone()),
            ("sort", self.sort.and_then(|sort| word(serde_json::json!(sort)))),
        ];
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Returns a short hash of the filters and the order. It binds a cursor to the list that it comes from.
    fn question(&self) -> String {
        let asked: Vec<_> = self.parameters().filter(|parameter| *parameter != ("sort", "id".to_owned())).collect();
        let hash = digest::digest(&digest::SHA256, serde_json::json!(asked).to_string().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(hash.as_ref().get(..9).unwrap_or_default())
    }
}

#[derive(Serialize, Deserialize)]
struct CursorContent {
    question: String,
    key: Option<String>,
    id: PrincipalId,
}

/// Deserializes a search text and normalizes it like stored texts. Rejects a text that cannot be stored.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = normalized(text.trim());
    if is_line(&text) {
        Ok(Some(text.into_owned()))
    } else {
        Err(serde::de::Error::custom(", expected 1 to 255 characters without control characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListUsersQuery, String> {
        actix_web::web::Query::<ListUsersQuery>::from_query(query)
            .map(|query| query.into_inner())
            .map_err(|error| error.to_string())
    }

    fn places() -> [(&'static str, PeoplePlace); 6] {
        let (id, seen) = (PrincipalId::generate(), ClientTime::from_microseconds(1_500_000_000_000_001).unwrap());
        [
            ("", PeoplePlace::Id(id)),
            ("role=admin&sort=id", PeoplePlace::Id(id)),
            ("sort=display_name&status=disabled", PeoplePlace::DisplayName("ann lee".into(), id)),
            ("sort=last_seen_at&limit=7", PeoplePlace::LastSeen(None, id)),
            ("sort=last_seen_at", PeoplePlace::LastSeen(Some(seen.into()), id)),
            ("q=%C3%A4nn&email=A%40b", PeoplePlace::Match("änn".into(), id)),
        ]
    }

    #[test]
    fn cursor_round_trips_with_the_query_of_its_list() {
        for (query, place) in places() {
            let query = read(query).unwrap();
            let next = query.query_at(&query.cursor(place.clone()));
            let next = read(&next).unwrap();
            assert_eq!((next.limit, next.filter(), next.order()), (query.limit, query.filter(), query.order()));
            assert_eq!(next.after(), Ok(Some(place)));
        }
    }

    #[test]
    fn cursor_of_another_list_is_rejected() {
        for (asked, place) in places() {
            let cursor = read(asked).unwrap().cursor(place);
            for other in ["status=pending", "role=auditor", "email=a%40b", "q=ann", "sort=display_name", "q=other"] {
                let other = read(&format!("{other}&cursor={cursor}")).unwrap();
                assert!(other.after().is_err(), "{asked}");
            }
        }
        for wrong in ["", "x", "e30", "bnVsbA"] {
            assert!(read(&format!("cursor={wrong}")).unwrap().after().is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_filters_and_malformed_values_are_rejected() {
        for wrong in ["status=gone", "sort=email", "q=", "q=%20", "role=%00", "email=", "limit=0", "page=2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&format!("q={}", "x".repeat(256))).is_err());
        assert!(read("q=ann&sort=id").unwrap().order().is_err());
    }
}
