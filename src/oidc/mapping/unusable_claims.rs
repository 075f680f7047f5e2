//! Unusable claims: counted by reason, and logged less often the more there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The reason why a claim of a verified token is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnusableClaim {
    /// The claim is absent.
    Absent,
    /// The claim has an unexpected type.
    Malformed,
    /// The issuer omitted the claim because it would be too long, and refers to an endpoint instead (Entra's group overage; OIDC Core
    /// section 5.6.2).
    Overage,
}

/// The number of unusable claims in one issuer's tokens.
#[derive(Debug, Default)]
pub(crate) struct UnusableClaims {
    absent: AtomicU64,
    malformed: AtomicU64,
    overage: AtomicU64,
}

impl UnusableClaims {
    /// Counts an unusable claim, and logs it each time the count doubles: a claim that is always absent must not fill the log.
    pub(crate) fn note(&self, issuer: &str, claim: impl fmt::Display, unusable: UnusableClaim) {
        let count = self.count(unusable);
        if !count.is_power_of_two() {
            return;
        }
        match unusable {
            // Usual for a principal without roles.
            UnusableClaim::Absent => tracing::debug!(issuer, %claim, count, "claim is absent"),
            UnusableClaim::Malformed => tracing::warn!(issuer, %claim, count, "claim is malformed"),
            UnusableClaim::Overage => tracing::warn!(
                issuer,
                %claim,
                count,
                "claim is cut off: configure the issuer to send fewer values, such as application roles instead of groups"
            ),
        }
    }

    /// Returns the counts, by reason.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        [("absent", &self.absent), ("malformed", &self.malformed), ("cut-off", &self.overage)]
            .map(|(reason, counter)| (reason, counter.load(Ordering::Relaxed)))
    }

    /// Increments the count of this reason and returns it.
    fn count(&self, unusable: UnusableClaim) -> u64 {
        self.counter(unusable).fetch_add(1, Ordering::Relaxed) + 1
    }

    fn counter(&self, unusable: UnusableClaim) -> &AtomicU64 {
        match unusable {
            UnusableClaim::Absent => &self.absent,
            UnusableClaim::Malformed => &self.malformed,
            UnusableClaim::Overage => &self.overage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_separately() {
        let unusable_claims = UnusableClaims::default();
        assert_eq!(
            (unusable_claims.count(UnusableClaim::Absent), unusable_claims.count(UnusableClaim::Absent)),
            (1, 2)
        );
        assert_eq!(
            (unusable_claims.count(UnusableClaim::Malformed), unusable_claims.count(UnusableClaim::Overage)),
            (1, 1)
        );
        unusable_claims.note("issuer", "roles", UnusableClaim::Overage);
        assert_eq!(unusable_claims.count(UnusableClaim::Overage), 3);
    }
}
