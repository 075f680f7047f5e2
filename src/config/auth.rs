//! `AUTH_`: how long cached callers stay valid while the database is unreachable.

use chrono::TimeDelta;

use super::section::{section, value};
use super::value::Seconds;

section!("Cached callers", "AUTH_", AuthSection {
    /// How long cached callers stay valid while the database is unreachable, counted from the last successful check for changes. Requests
    /// that need an administrative permission are refused at once. `0`: no cached caller stays valid.
    // The upper bound: a caller disabled in the meantime must not be admitted for longer.
    stale_seconds: Seconds<0, 3600> => value("60");
});

/// The validity of cached callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthConfig {
    /// Counted from the last successful check for changes.
    pub(crate) stale_for: TimeDelta,
}

impl AuthConfig {
    pub(super) fn new(section: AuthSection) -> Option<Self> {
        Some(Self { stale_for: TimeDelta::from_std(section.stale_seconds.good()?.0).ok()? })
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
