//! `AUTH_`: how long cached callers stay valid while the database is unreachable.

use chrono::TimeDelta;

use super::environment::RawAuth;
use super::faults::Faults;

/// How long cached callers stay valid while the database is unreachable.
const DEFAULT_STALE: TimeDelta = TimeDelta::seconds(60);
/// The upper bound: a caller disabled in the meantime must not be admitted for longer.
const MAX_STALE_SECONDS: i64 = 3_600;

/// The validity of cached callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthConfig {
    /// Counted from the last successful check for changes.
    pub(crate) stale_for: TimeDelta,
}

impl AuthConfig {
    pub(super) fn parse(raw: RawAuth, faults: &mut Faults) -> Option<Self> {
        let rule = "a whole number of seconds from 0 to 3600";
        let stale_for = faults.parse("AUTH_STALE_SECONDS", raw.stale_seconds, DEFAULT_STALE, rule, |text| {
            text.parse().ok().filter(|seconds| (0..=MAX_STALE_SECONDS).contains(seconds)).map(TimeDelta::seconds)
        });
        Some(Self { stale_for: stale_for? })
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn stale_seconds_default_to_60_and_out_of_range_values_are_rejected() {
        let stale =
            |value: &str| Config::from_vars([("AUTH_STALE_SECONDS", value)]).map(|config| config.auth.stale_for);
        assert_eq!(stale("").unwrap().num_seconds(), 60);
        assert_eq!(stale("0").unwrap().num_seconds(), 0);
        for wrong in ["-1", "3601", "1m"] {
            assert!(stale(wrong).is_err(), "{wrong}");
        }
    }
}
