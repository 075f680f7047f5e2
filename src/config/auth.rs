//! `AUTH_`: how long the service goes by what it knows when nobody can be asked.

use chrono::TimeDelta;

use super::environment::RawAuth;
use super::faults::Faults;

/// How long callers who are known go on while the database does not answer.
const DEFAULT_STALE: TimeDelta = TimeDelta::seconds(60);
/// Longer than anybody should be let in who may have been shut out.
const MOST_STALE_SECONDS: i64 = 3_600;

/// How long the service goes by what it knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthConfig {
    /// Since it was last known what changes.
    pub(crate) stale_for: TimeDelta,
}

impl AuthConfig {
    pub(super) fn parse(raw: RawAuth, faults: &mut Faults) -> Option<Self> {
        let rule = "a number of seconds from 0 to 3600";
        let stale_for = faults.parse("AUTH_STALE_SECONDS", raw.stale_seconds, DEFAULT_STALE, rule, |text| {
            text.parse().ok().filter(|seconds| (0..=MOST_STALE_SECONDS).contains(seconds)).map(TimeDelta::seconds)
        });
        Some(Self { stale_for: stale_for? })
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn callers_go_on_for_a_minute_unless_said_otherwise() {
        let stale =
            |value: &str| Config::from_vars([("AUTH_STALE_SECONDS", value)]).map(|config| config.auth.stale_for);
        assert_eq!(stale("").unwrap().num_seconds(), 60);
        assert_eq!(stale("0").unwrap().num_seconds(), 0);
        for wrong in ["-1", "3601", "1m"] {
            assert!(stale(wrong).is_err(), "{wrong}");
        }
    }
}
