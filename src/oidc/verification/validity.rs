//! The time checks: `exp`, `nbf` and `iat` (RFC 7519 sections 4.1.4 to 4.1.6).
//!
//! A malformed time is an error and never treated as absent.

use crate::jose::unique_json::{Json, Object};
use crate::oidc::Rejection;
use chrono::{DateTime, TimeDelta, Utc};

/// The permitted difference between the issuer's clock and ours.
pub(crate) const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The end of the year 9999. A later time is a mistake, such as a value in milliseconds.
const LATEST_SECOND: f64 = 253_402_300_799.0;

/// The time claims of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) issued_at: Option<DateTime<Utc>>,
}

impl Validity {
    /// Reads the times and refuses the token unless it is valid at `now`.
    pub(crate) fn check(claims: &Object<'_>, now: DateTime<Utc>) -> Result<Self, Rejection> {
        let validity = Self {
            expires_at: time(claims, "exp")?.ok_or(Rejection::NoExpiry)?,
            not_before: time(claims, "nbf")?,
            issued_at: time(claims, "iat")?,
        };
        validity.check_at(now)?;
        Ok(validity)
    }

    fn check_at(&self, now: DateTime<Utc>) -> Result<(), Rejection> {
        if self.expires_at <= now - LEEWAY {
            return Err(Rejection::Expired);
        }
        if self.not_before.is_some_and(|time| time > now + LEEWAY) {
            return Err(Rejection::NotYetValid);
        }
        if self.issued_at.is_some_and(|time| time > now + LEEWAY) {
            return Err(Rejection::IssuedInTheFuture);
        }
        Ok(())
    }

    /// The whole seconds in which [`check`](Self::check) accepts the token.
    pub(crate) fn window(&self) -> Window {
        let from = self.not_before.max(self.issued_at).map_or(0, |time| Window::second(ceil(time - LEEWAY)));
        Window { from, until: Window::second((self.expires_at + LEEWAY).timestamp()) }
    }
}

/// A half-open period in whole seconds since 1970: compact and cheap to test. Fractions of a second are outside, so that it contains no time
/// at which the token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    from: u32,
    until: u32,
}

impl Window {
    /// Whether the window contains `now`, in microseconds since 1970.
    pub(crate) fn contains(self, now: i64) -> bool {
        u32::try_from(now / 1_000_000).is_ok_and(|now| (self.from..self.until).contains(&now))
    }

    /// The second, or the last one that fits.
    fn second(since_1970: i64) -> u32 {
        u32::try_from(since_1970.max(0)).unwrap_or(u32::MAX)
    }
}

/// The seconds since 1970, rounded up.
fn ceil(time: DateTime<Utc>) -> i64 {
    time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
}

/// The time in the claim `name`; `None` if the claim is absent.
pub(crate) fn time(claims: &Object<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Rejection> {
    claims.get(name).map(|value| numeric_date(value).ok_or(Rejection::MalformedTime)).transpose()
}

/// A NumericDate (RFC 7519 section 2): a JSON number of seconds, fractions allowed; truncated to whole microseconds.
fn numeric_date(value: &Json<'_>) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LATEST_SECOND).contains(seconds))?;
    let microseconds = seconds.fract() * 1e6;
    // The casts cannot overflow, because the range is checked above; they truncate only fractions of a microsecond.
    DateTime::from_timestamp(seconds as i64, microseconds as u32 * 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_700_000_000;
    const ALMOST_A_SECOND: TimeDelta = TimeDelta::microseconds(999_999);

    fn check(claims: Value) -> Result<Validity, Rejection> {
        Validity::check(&Object::of(&claims), DateTime::from_timestamp(NOW, 0).unwrap())
    }

    #[test]
    fn leeway_is_thirty_seconds() {
        assert!(check(json!({ "exp": NOW - 29 })).is_ok());
        assert_eq!(check(json!({ "exp": NOW - 30 })), Err(Rejection::Expired));
        assert!(check(json!({ "exp": NOW + 60, "nbf": NOW + 30, "iat": NOW + 30 })).is_ok());
        assert_eq!(check(json!({ "exp": NOW + 60, "nbf": NOW + 31 })), Err(Rejection::NotYetValid));
        assert_eq!(check(json!({ "exp": NOW + 60, "iat": NOW + 31 })), Err(Rejection::IssuedInTheFuture));
    }

    /// A time close to `NOW`.
    fn near() -> impl Strategy<Value = DateTime<Utc>> {
        (-70_i64..70, -1_i64..=1).prop_map(|(seconds, microseconds)| {
            DateTime::from_timestamp_micros((NOW + seconds) * 1_000_000 + microseconds).unwrap()
        })
    }

    proptest! {
        #[test]
        fn window_contains_exactly_the_seconds_that_pass_the_check(
            expires_at in near(),
            not_before in proptest::option::of(near()),
            issued_at in proptest::option::of(near()),
            now in near(),
        ) {
            let validity = Validity { expires_at, not_before, issued_at };
            let contains = |time: DateTime<Utc>| validity.window().contains(time.timestamp_micros());
            // A fraction of a second may be outside, but no time at which the check fails is inside.
            prop_assert!(!contains(now) || validity.check_at(now).is_ok());
            let second = DateTime::from_timestamp(now.timestamp(), 0).unwrap();
            let is_whole = validity.check_at(second).is_ok() && validity.check_at(second + ALMOST_A_SECOND).is_ok();
            prop_assert_eq!(contains(second), is_whole);
        }
    }

    #[test]
    fn expiry_is_required_and_issue_time_is_optional() {
        assert_eq!(check(json!({ "iat": NOW })), Err(Rejection::NoExpiry));
        assert_eq!(check(json!({ "exp": NOW + 1 })).unwrap().issued_at, None);
    }

    #[test]
    fn fractions_and_exponents_are_accepted() {
        let validity = check(json!({ "exp": 1_700_000_000.25, "iat": 1.7e9 })).unwrap();
        assert_eq!(validity.expires_at.timestamp_micros(), NOW * 1_000_000 + 250_000);
        assert_eq!(validity.issued_at.unwrap().timestamp(), NOW);
        assert_eq!(check(json!({ "exp": NOW + 60, "nbf": NOW as f64 + 30.001 })), Err(Rejection::NotYetValid));
    }

    #[test]
    fn time_that_is_not_a_number_in_range_is_malformed_and_not_absent() {
        let wrong = [json!(null), json!("1800000000"), json!(true), json!([NOW]), json!({}), json!(-1), json!(-0.5)];
        let far =
            [json!(u64::MAX), json!(i64::MIN), json!(1e300), json!(1_800_000_000_000_i64), json!(253_402_300_800_i64)];
        for time in wrong.into_iter().chain(far) {
            assert_eq!(check(json!({ "exp": time })), Err(Rejection::MalformedTime), "{time}");
            assert_eq!(check(json!({ "exp": NOW + 60, "nbf": time })), Err(Rejection::MalformedTime), "{time}");
            assert_eq!(check(json!({ "exp": NOW + 60, "iat": time })), Err(Rejection::MalformedTime), "{time}");
        }
    }
}
