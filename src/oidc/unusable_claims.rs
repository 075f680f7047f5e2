//! Claims that give nothing: counted by reason, and logged more rarely the more there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a claim of a proved token gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnusableClaim {
    /// It is not there.
    Absent,
    /// It is of a shape that can't be read.
    Malformed,
    /// The issuer left it out because it would be too long, and names a place to ask instead (Entra's group overage; OIDC Core
    /// section 5.6.2).
    Overage,
}

/// How often claims of one issuer's tokens gave nothing.
#[derive(Debug, Default)]
pub(super) struct UnusableClaims {
    absent: AtomicU64,
    malformed: AtomicU64,
    overage: AtomicU64,
}

impl UnusableClaims {
    /// Counts a gap, and logs it if its count has doubled: a claim that is always missing fills no log.
    pub(super) fn note(&self, issuer: &str, claim: impl fmt::Display, unusable: UnusableClaim) {
        let count = self.count(unusable);
        if !count.is_power_of_two() {
            return;
        }
        match unusable {
            // Usual for those who hold no role.
            UnusableClaim::Absent => tracing::debug!(issuer, %claim, count, "a claim is absent and gives nothing"),
            UnusableClaim::Malformed => tracing::warn!(issuer, %claim, count, "a claim is malformed and gives nothing"),
            UnusableClaim::Overage => tracing::warn!(
                issuer,
                %claim,
                count,
                "a claim is cut off and gives nothing: have the issuer send fewer values, such as application roles in place of groups"
            ),
        }
    }

    /// How many there have been, by the reason in one word.
    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        [("absent", &self.absent), ("malformed", &self.malformed), ("cut-off", &self.overage)]
            .map(|(reason, counter)| (reason, counter.load(Ordering::Relaxed)))
    }

    /// How many gaps of this kind there have been, with this one.
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
    fn each_reason_is_counted_for_itself() {
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
