//! A budget that is used up.

/// Whose budget is used up, how large it is and when there is something in it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// `address`, `principal` or `profile-edits`.
    pub(crate) budget: &'static str,
    /// How many it holds.
    pub(crate) quota: u32,
    /// Seconds in which it is refilled.
    pub(crate) window: u32,
    /// Seconds to wait.
    pub(crate) wait: u64,
}

impl Limited {
    /// What there was too much of.
    pub(super) fn of_what(&self) -> &'static str {
        match self.budget {
            "address" => "refused credentials from this address",
            "profile-edits" => "edits of this profile",
            _ => "requests of this account",
        }
    }

    /// The word for the log and for counting.
    pub(super) fn reason(&self) -> &'static str {
        match self.budget {
            "address" => "rate-limited-address",
            "profile-edits" => "rate-limited-profile-edits",
            _ => "rate-limited-principal",
        }
    }

    /// The budget, as `RateLimit-Policy` spells it (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.budget, self.quota, self.window)
    }

    /// What is left of it, as `RateLimit` spells it.
    pub(super) fn left(&self) -> String {
        format!("\"{}\";r=0;t={}", self.budget, self.wait)
    }
}
