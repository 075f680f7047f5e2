//! Claims that give nothing: counted by reason, and logged more rarely the more there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a claim of a proved token gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// It is not there.
    Absent,
    /// It is of a shape that can't be read.
    Malformed,
    /// The issuer left it out because it would be too long, and names a place to ask instead (Entra's group overage; OIDC Core
    /// section 5.6.2).
    CutOff,
}

/// How often claims of one issuer's tokens gave nothing.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    absent: AtomicU64,
    malformed: AtomicU64,
    cut_off: AtomicU64,
}

impl Gaps {
    /// Counts a gap, and logs it if its count has doubled: a claim that is always missing fills no log.
    pub(super) fn note(&self, issuer: &str, claim: impl fmt::Display, gap: Gap) {
        let count = self.count(gap);
        if !count.is_power_of_two() {
            return;
        }
        match gap {
            // Usual for those who hold no role.
            Gap::Absent => tracing::debug!(issuer, %claim, count, "a claim is absent and gives nothing"),
            Gap::Malformed => tracing::warn!(issuer, %claim, count, "a claim is malformed and gives nothing"),
            Gap::CutOff => tracing::warn!(
                issuer,
                %claim,
                count,
                "a claim is cut off and gives nothing: have the issuer send fewer values, such as application roles in place of groups"
            ),
        }
    }

    /// How many gaps there have been, by reason.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = [("absent", Gap::Absent), ("malformed", Gap::Malformed), ("cut-off", Gap::CutOff)];
        counts.map(|(reason, gap)| (reason, self.counter(gap).load(Ordering::Relaxed))).to_vec()
    }

    /// How many gaps of this kind there have been, with this one.
    fn count(&self, gap: Gap) -> u64 {
        self.counter(gap).fetch_add(1, Ordering::Relaxed) + 1
    }

    fn counter(&self, gap: Gap) -> &AtomicU64 {
        match gap {
            Gap::Absent => &self.absent,
            Gap::Malformed => &self.malformed,
            Gap::CutOff => &self.cut_off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_for_itself() {
        let gaps = Gaps::default();
        assert_eq!((gaps.count(Gap::Absent), gaps.count(Gap::Absent)), (1, 2));
        assert_eq!((gaps.count(Gap::Malformed), gaps.count(Gap::CutOff)), (1, 1));
        gaps.note("issuer", "roles", Gap::CutOff);
        assert_eq!(gaps.count(Gap::CutOff), 3);
        assert_eq!(gaps.counts(), [("absent", 2), ("malformed", 1), ("cut-off", 3)]);
    }
}
