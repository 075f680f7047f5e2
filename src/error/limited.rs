//! An exhausted rate limit budget.

/// An exhausted budget: its name, its size and the time until it accepts the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// `address`, `principal` or `profile-edits`.
    pub(crate) budget: &'static str,
    /// The number of requests in a window.
    pub(crate) quota: u32,
    /// The window in seconds.
    pub(crate) window: u32,
    /// The time to wait in seconds.
    pub(crate) wait: u64,
}

impl Limited {
    /// Returns the description of the requests that exceed the budget.
    pub(super) fn of_what(&self) -> &'static str {
        match self.budget {
            "address" => "refused credentials from this address",
            "profile-edits" => "edits of this profile",
            _ => "requests from this account",
        }
    }

    /// Returns the reason code for logs and metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self.budget {
            "address" => "rate-limited-address",
            "profile-edits" => "rate-limited-profile-edits",
            _ => "rate-limited-principal",
        }
    }

    /// Returns the value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.budget, self.quota, self.window)
    }

    /// Returns the value of `RateLimit`.
    pub(super) fn left(&self) -> String {
        format!("\"{}\";r=0;t={}", self.budget, self.wait)
    }
}
