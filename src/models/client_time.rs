//! Timestamps from clients and operators.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Moment;

/// 1970-01-01T00:00:00Z, in microseconds since then.
const FIRST: i64 = 0;
/// 9999-12-31T23:59:59.999999Z, in microseconds since 1970.
const LAST: i64 = 253_402_300_799_999_999;

/// A time of RFC 3339 in the years 1970 to 9999 (UTC), cut to whole microseconds.
///
/// Every time from outside is parsed as this type. Other years are refused: SQLite compares times as text, where a sign or a fifth digit
/// sorts wrong, so a query and the service could disagree. PostgreSQL has its own bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTime(DateTime<Utc>);

impl ClientTime {
    /// The description of the accepted format, for error messages.
    pub const MUST_BE: &'static str = "a time in the years 1970 to 9999, such as 2030-01-31T12:00:00Z (RFC 3339)";

    /// Returns the time at this number of microseconds since 1970-01-01T00:00:00Z, or `None` if it is out of range.
    pub fn from_microseconds(microseconds: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(microseconds).filter(|_| (FIRST..=LAST).contains(&microseconds)).map(Self)
    }

    /// The time in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }
}

impl FromStr for ClientTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| Self::MUST_BE)?;
        // The number of microseconds cannot represent a leap second, so it becomes the first instant after it.
        Self::from_microseconds(time.timestamp_micros()).ok_or(Self::MUST_BE)
    }
}

impl From<ClientTime> for DateTime<Utc> {
    fn from(time: ClientTime) -> Self {
        time.0
    }
}

impl From<ClientTime> for Moment {
    fn from(time: ClientTime) -> Self {
        time.0.into()
    }
}

impl<'de> Deserialize<'de> for ClientTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|must_be| D::Error::custom(format!(", expected {must_be}")))
    }
}

impl Serialize for ClientTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn years_1970_to_9999_are_accepted() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
            ("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999+00:00"),
            ("2030-01-31T12:00:00.123456789-05:00", "2030-01-31T17:00:00.123456+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(text.parse::<ClientTime>().unwrap().utc().to_rfc3339(), expected, "{text}");
        }
    }

    #[test]
    fn times_outside_the_range_or_format_are_refused() {
        for text in [
            "",
            "+12000-01-01T00:00:00Z",
            "12000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2030-01-31",
            "2030-01-31T12:00:00",
            "1700000000",
        ] {
            assert_eq!(text.parse::<ClientTime>(), Err(ClientTime::MUST_BE), "{text}");
        }
    }

    proptest! {
        #[test]
        fn stored_texts_sort_like_their_times(one in any::<i64>(), other in FIRST..=LAST) {
            let stored = |time: ClientTime| time.utc().format("%Y-%m-%d %H:%M:%S%.6f").to_string();
            let (one, other) = (ClientTime::from_microseconds(one), ClientTime::from_microseconds(other).unwrap());
            if let Some(one) = one {
                prop_assert_eq!(stored(one).cmp(&stored(other)), one.utc().cmp(&other.utc()));
            }
        }
    }
}
